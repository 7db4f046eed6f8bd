import Failures

/// What tensors of a file are called in a model: `old=new`, or `encoder.*=features.*`, where each star of the new name stands for what
/// it stood for in the old one. Of several rules the first that fits counts; nothing behind the `=` leaves the tensor out.
public struct NameMap: Sendable {
  private struct Rule {
    let from: StarredText
    let to: String
  }

  private let rules: [Rule]

  /// - Parameter texts: a rule each, or several with commas between.
  /// - Throws: `NameMapError` for what is no rule.
  public init(_ texts: [String]) throws {
    rules = try texts.flatMap { $0.split(separator: ",") }.map { text in
      let sides = text.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
      guard sides.count == 2, !sides[0].isEmpty else {
        throw NameMapError("map is '\(text)', but must be such as 'old=new' or 'encoder.*=features.*'")
      }
      let (from, to) = (StarredText(sides[0]), StarredText(sides[1]))
      guard sides[1].isEmpty || to.pieces.count == from.pieces.count else {
        throw NameMapError("map is '\(text)', but must have as many stars on both sides")
      }
      return Rule(from: from, to: sides[1])
    }
  }

  /// What a tensor is called in the model: the same, where no rule fits; nil where it is left out.
  public func name(of name: String) -> String? {
    for rule in rules {
      guard let captures = rule.from.captures(in: name) else { continue }
      if rule.to.isEmpty { return nil }
      let pieces = rule.to.split(separator: "*", omittingEmptySubsequences: false)
      return zip(pieces, captures + [""]).reduce(into: "") { $0 += $1.0 + $1.1 }
    }
    return name
  }

  /// Throws for a rule that no name fits, with the names there are.
  func checkUse(in names: [String], of path: String) throws {
    for rule in rules where !names.contains(where: { rule.from.captures(in: $0) != nil }) {
      throw NameMapError(
        "map '\(rule.from.text)=\(rule.to)' fits no tensor of \(path), which has \(names.listed(atMost: 20))")
    }
  }
}

/// A name in which `*` stands for any characters.
private struct StarredText {
  let text: String
  /// What lies between the stars.
  let pieces: [Substring]

  init(_ text: String) {
    self.text = text
    pieces = text.split(separator: "*", omittingEmptySubsequences: false)
  }

  /// What each star stands for in a name, as little as can be for all but the last; nil where it is not such a name.
  func captures(in name: String) -> [String]? {
    guard pieces.count > 1, let first = pieces.first, let last = pieces.last else { return name == text ? [] : nil }
    guard name.hasPrefix(first), name.hasSuffix(last), name.count >= first.count + last.count else { return nil }
    var rest = name.dropFirst(first.count).dropLast(last.count)
    var captures: [String] = []
    for piece in pieces.dropFirst().dropLast() {
      var place = rest.startIndex
      while !rest[place...].hasPrefix(piece) {
        if place == rest.endIndex { return nil }
        rest.formIndex(after: &place)
      }
      captures.append(String(rest[..<place]))
      rest = rest[place...].dropFirst(piece.count)
    }
    return captures + [String(rest)]
  }
}

/// A map of names that can't be.
public struct NameMapError: Failure {
  public let description: String
  init(_ description: String) { self.description = description }
  public var kind: FailureKind { .usage }
}
