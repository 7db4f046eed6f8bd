import CHDF5
import Failures

/// What went wrong with an HDF5 file: which file, which object in it, and what failed, in one line.
public struct HDF5Error: Failure, Equatable {
  /// Why an operation failed, for callers that react to it.
  public enum Reason: Sendable {
    /// There is no such file.
    case missing
    /// The file is there, but may not be read.
    case unreadable
    /// The file does not begin as an HDF5 file does.
    case notHDF5
    /// The file is truncated or a checksum in it does not match.
    case damaged
    /// The file is sound, but the object asked for is not in it.
    case noSuchObject
    /// The object is there, but holds something else than what was asked for.
    case wrongType
    /// The object declares absurd sizes, or data that lies in other files.
    case refused
    /// The caller broke a rule: closed file, shape that does not fit, name used twice.
    case misuse
    /// libhdf5 failed while building a file in memory.
    case library
  }

  /// What sort of fault it is.
  public let reason: Reason
  /// The file's path, or what stands for it when it exists in memory only.
  public let path: String
  /// The path of the group, dataset or attribute in the file; nil when the file itself is meant.
  public let object: String?
  /// What failed, in words that follow path and object.
  public let what: String

  /// A fault of the file at `path`, or of an object in it.
  public init(_ reason: Reason, path: String, object: String? = nil, _ what: String) {
    self.reason = reason
    self.path = path
    self.object = object
    self.what = what
  }

  public var description: String {
    guard let object else { return "\(path): \(what)" }
    return "\(path): \(object): \(what)"
  }

  public var kind: FailureKind {
    switch reason {
    case .missing, .unreadable: .missingInput
    case .notHDF5, .damaged, .noSuchObject, .wrongType, .refused: .badData
    case .misuse, .library: .internalError
    }
  }
}

/// libhdf5's own account of its last failure, from the outermost cause to the innermost.
///
/// Call with the lock held, right after the failure: the next call to libhdf5 clears it.
func lastHDF5Failure() -> String {
  var causes: [String] = []
  withUnsafeMutablePointer(to: &causes) { list in
    _ = H5Ewalk2(
      0, H5E_WALK_DOWNWARD,
      { _, entry, data in
        guard let text = entry?.pointee.desc, let list = data?.assumingMemoryBound(to: [String].self) else { return 0 }
        list.pointee.append(String(cString: text))
        return 0
      }, list)
  }
  guard let outermost = causes.first, var innermost = causes.last else { return "libhdf5 gives no reason" }
  // HDF5 1.14 keeps to itself what its filters say.
  if innermost.hasPrefix("filter returned failure") { innermost = "a Fletcher32 checksum or compressed data are wrong" }
  let line = causes.count == 1 ? outermost : "\(outermost): \(innermost)"
  return String(line.map { $0.isNewline ? " " : $0 })
}
