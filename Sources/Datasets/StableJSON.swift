import Foundation

extension Encodable {
  /// As one line of JSON with sorted keys, so that equal values are equal bytes: what files and ranks compare.
  package func stableJSON() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }
}
