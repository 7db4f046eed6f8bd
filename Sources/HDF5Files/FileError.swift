import Failures
import Glibc

/// What went wrong with a plain file, in one line.
public struct FileError: Failure, Equatable {
  /// What the system could not do.
  public enum Reason: Sendable {
    /// There is no such file to read.
    case missing
    /// The file is there, but may not be read.
    case unreadable
    /// The folder that should hold the output does not exist.
    case folderMissing
    /// The output may not be created: permissions, a read-only disk, or something there that is no plain file.
    case notWritable
    /// The disk, or the user's share of it, is full.
    case diskFull
    /// The operating system failed at reading or writing.
    case inputOutput
  }

  /// What sort of fault it is.
  public let reason: Reason
  /// The file at fault.
  public let path: String
  /// What is wrong with it, in words that follow the path.
  public let what: String

  /// A fault of the file at `path`.
  public init(_ reason: Reason, path: String, _ what: String) {
    self.reason = reason
    self.path = path
    self.what = what
  }

  /// The error that `code` (an `errno`) means when it stops a write.
  static func writing(_ path: String, _ doing: String, code: Int32) -> FileError {
    let reason: Reason =
      switch code {
      case ENOENT, ENOTDIR: .folderMissing
      case EACCES, EPERM, EROFS, EISDIR, ELOOP, ENAMETOOLONG: .notWritable
      case ENOSPC, EDQUOT, EFBIG: .diskFull
      default: .inputOutput
      }
    return FileError(reason, path: path, "\(doing) failed: \(systemMessage(code)); nothing was changed")
  }

  public var description: String { "\(path): \(what)" }

  public var kind: FailureKind {
    switch reason {
    case .missing, .unreadable: .missingInput
    case .folderMissing, .notWritable, .diskFull: .cannotWrite
    case .inputOutput: .inputOutput
    }
  }
}

/// The operating system's words for `code`, an `errno`, such as "No such file or directory".
func systemMessage(_ code: Int32) -> String {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
    guard let start = buffer.baseAddress, strerror_r(code, start, buffer.count) == 0 else { return "error \(code)" }
    return String(cString: start)
  }
}
