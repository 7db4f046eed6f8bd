import CMPI
import Failures

/// What went wrong in message passing, as one line: which operation, on which rank, and why.
public struct MessagePassingError: Failure {
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

  public let reason: Reason
  /// The operation that failed, `allreduce #12` for example.
  public let operation: String
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

/// Every MPI call of this package goes through here: its status becomes an error, or nothing.
func check(_ status: Int32, _ operation: @autoclosure () -> String, rank: Int?) throws {
  guard status != MPI_SUCCESS else { return }
  // Before MPI is started, asking it what its status means would end the process.
  var isStarted: Int32 = 0
  MPI_Initialized(&isStarted)
  var (errorClass, text) = (status, String?.none)
  if isStarted != 0 {
    MPI_Error_class(status, &errorClass)
    text = mpiString(capacity: cmpi_maximum_error_string) { MPI_Error_string(status, $0, $1) }
  }
  throw MessagePassingError(
    .mpi(errorClass: errorClass), operation(), text ?? "MPI error \(status)", rank: rank)
}

/// Reads one of MPI's texts, which fill a buffer of fixed size and give the length; nil when MPI has none.
func mpiString(capacity: Int, _ read: (UnsafeMutablePointer<CChar>, UnsafeMutablePointer<Int32>) -> Int32) -> String? {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity + 1) { buffer in
    buffer.initialize(repeating: 0)
    guard let start = buffer.baseAddress else { return nil }
    var length: Int32 = 0
    guard read(start, &length) == MPI_SUCCESS else { return nil }
    let bytes = buffer.prefix(max(0, min(Int(length), capacity))).map { UInt8(bitPattern: $0) }
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
}
