import Failures

/// What went wrong in message passing, as one line: which operation, on which rank, and why.
public struct MessagePassingError: Failure {
  /// What kind of fault it is. That of an environment ends a command with exit code 64, any other with 70.
  public enum Reason: Sendable, Equatable {
    /// MPI returned this error class (`MPI_ERR_…`).
    case mpi(errorClass: Int32)
    /// An argument that no rank count makes valid: a root outside the communicator, say.
    case invalidArgument
    /// Ranks called different collectives, or the same with other counts or types. Thrown on every rank.
    case mismatch
    /// The process can't join the job: launcher, environment variables, threads.
    case environment
  }

  /// Which kind of fault it is.
  public let reason: Reason
  /// The operation that failed, `allreduce #12` for example.
  public let operation: String
  /// What was expected and what was found, or MPI's own words.
  public let text: String
  /// The rank that reports it, in its communicator; nil before the job was joined.
  public let rank: Int?

  init(_ reason: Reason, _ operation: String, _ text: String, rank: Int?) {
    self.reason = reason
    self.operation = operation
    self.text = text
    self.rank = rank
  }

  public var kind: FailureKind { reason == .environment ? .usage : .internalError }
  public var description: String {
    let place = rank.map { " on rank \($0)" } ?? ""
    return "\(operation)\(place): \(text)"
  }
}

/// Runs `body`; a fault of its transport becomes an error that says in which operation it happened.
func naming<Result>(_ operation: @autoclosure () -> String, rank: Int?, _ body: () throws -> Result) throws -> Result {
  do {
    return try body()
  } catch let fault as TransportFault {
    throw MessagePassingError(fault.reason, operation(), fault.text, rank: rank)
  }
}
