extension Sequence<String> {
  /// The names as a message lists them: in quotes where they hold what a line can't, and the first of many only.
  public func listed(atMost count: Int = 12) -> String {
    let names = Array(self)
    let more = names.count > count ? ", … (\(names.count) in all)" : ""
    return names.prefix(count).map(\.inOneLine).joined(separator: ", ") + more
  }
}

extension String {
  /// This text, of a file that may lie, fit for a line of a message.
  public var inOneLine: String {
    let start = String(prefix(120)) + (count > 120 ? "…" : "")
    let isPlain = start.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }
    return isPlain ? start : start.debugDescription
  }
}
