/// A pattern of parameters' names: `*` stands for any run of characters, `?` for one. What it matches it matches with all below, so
/// that `decoder` and `decoder.*` are both every parameter of the decoder.
public struct NamePattern: Sendable, Hashable {
  /// As it was given.
  public let text: String

  /// Any text is one.
  public init(_ text: String) { self.text = text }

  /// Whether it stands for the name, or for what the name is a part of.
  public func matches(_ name: String) -> Bool {
    let (pattern, name) = (Array(text.utf8), Array(name.utf8))
    let ends = name.indices.filter { name[$0] == UInt8(ascii: ".") } + [name.count]
    return ends.contains { Self.matches(pattern, name[..<$0]) }
  }

  /// After a mismatch the last `*` takes one character more.
  private static func matches(_ pattern: [UInt8], _ name: ArraySlice<UInt8>) -> Bool {
    var (place, next) = (0, name.startIndex)
    var star: (place: Int, next: Int)?
    while next < name.endIndex {
      if place < pattern.count, pattern[place] == UInt8(ascii: "*") {
        star = (place, next)
        place += 1
      } else if place < pattern.count, pattern[place] == name[next] || pattern[place] == UInt8(ascii: "?") {
        (place, next) = (place + 1, next + 1)
      } else if let last = star {
        star = (last.place, last.next + 1)
        (place, next) = (last.place + 1, last.next + 1)
      } else {
        return false
      }
    }
    return pattern[place...].allSatisfy { $0 == UInt8(ascii: "*") }
  }
}
