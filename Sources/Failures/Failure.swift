/// What kind of thing went wrong, as the exit code that the `lockstep` command ends with (BSD `sysexits.h`).
public enum FailureKind: Int32, Sendable {
  /// The command line or a configuration asks for something that does not exist or makes no sense.
  case usage = 64
  /// An input is there, but what it holds is wrong.
  case badData = 65
  /// An input is not there or can't be opened.
  case missingInput = 66
  /// A promise inside Lockstep was broken, or its numbers are no longer finite.
  case internalError = 70
  /// An output can't be created or does not fit on the disk.
  case cannotWrite = 73
  /// The operating system failed to read or write.
  case inputOutput = 74
  /// The job lost a rank or timed out.
  case lostRank = 75
  /// A rank computes other bits than the others do from the same numbers.
  case corruption = 76
}

/// An error that a person reads: `description` is one line, `kind` chooses the exit code.
public protocol Failure: Error, CustomStringConvertible {
  /// What sort of failure it is, and so the exit code.
  var kind: FailureKind { get }
  /// What the command ends with: the kind's code, unless a signal chose another.
  var exitCode: Int32 { get }
  /// Whether every rank of the job throws it together, so that all can end in order. Of any other error the ranks have to
  /// tell each other first, or one of them waits for ever.
  var isAgreed: Bool { get }
}

extension Failure {
  public var kind: FailureKind { .internalError }
  public var exitCode: Int32 { kind.rawValue }
  public var isAgreed: Bool { false }
}

/// The exit code's kind of any error.
public func failureKind(of error: any Error) -> FailureKind { (error as? any Failure)?.kind ?? .internalError }
