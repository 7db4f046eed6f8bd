import Failures

/// What is wrong with data that a user gives: which file, where in it, what was expected and what was found.
public struct InputError: Failure, Equatable {
  public let kind: FailureKind
  /// The file at fault.
  public let path: String
  /// Position, what was expected and what was found, in words that follow the path.
  public let what: String

  /// An error of bad data unless said otherwise.
  public init(_ path: String, _ what: String, kind: FailureKind = .badData) {
    self.kind = kind
    self.path = path
    self.what = what
  }

  public var description: String { "\(path): \(what)" }
}

extension String {
  /// In quotes for a message of one line: a long text is cut, and what would break the line is escaped.
  var shown: String { utf8.count > 60 ? (String(prefix(60)) + "…").debugDescription : debugDescription }
}
