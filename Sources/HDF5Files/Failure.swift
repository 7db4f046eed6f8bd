/// What kind of thing went wrong, as the exit code that the `lockstep` command ends with (BSD `sysexits.h`).
public enum FailureKind: Int32, Sendable {
  /// The command line or a configuration asks for something that does not exist or makes no sense.
  case usage = 64
  /// An input is there, but what it holds is wrong.
  case badData = 65
  /// An input is not there or can't be opened.
  case missingInput = 66
  /// A promise inside Lockstep was broken.
  case internalError = 70
  /// An output can't be created or does not fit on the disk.
  case cannotWrite = 73
  /// The operating system failed to read or write.
  case inputOutput = 74
  /// The job lost a rank or timed out.
  case lostRank = 75
}

/// An error that a person reads: `description` is one line, `kind` chooses the exit code.
public protocol Failure: Error, CustomStringConvertible {
  var kind: FailureKind { get }
}
