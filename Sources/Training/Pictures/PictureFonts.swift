import Foundation

/// Which signs this machine's fonts can draw.
enum PictureFonts {
  /// Stands for a sign that no font has; DejaVu, which comes with gnuplot, has it.
  private static let hole: Unicode.Scalar = "□"

  /// The text with a small box for each sign that no font has. Pango's own box for those covers a picture of gnuplot's, and all.
  static func drawable(_ text: String) -> String {
    // Of what is older than these every font has all.
    let rare = Set(text.unicodeScalars.filter { $0.value >= 0x250 && $0 != hole })
    guard !rare.isEmpty, let list = coverage() else { return text }
    let missing = uncovered(rare, by: list)
    if missing.isEmpty { return text }
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars { result.append(missing.contains(scalar) ? hole : scalar) }
    return String(result)
  }

  /// Those signs that are in no range of the list, such as `20-7e 25a1`, a line for each font.
  static func uncovered(_ signs: Set<Unicode.Scalar>, by list: String) -> Set<Unicode.Scalar> {
    let ranges = Set(list.split(whereSeparator: \.isWhitespace)).compactMap { word -> ClosedRange<UInt32>? in
      let ends = word.split(separator: "-").compactMap { UInt32($0, radix: 16) }
      guard let first = ends.first, let last = ends.last, first <= last else { return nil }
      return first...last
    }
    return signs.filter { sign in !ranges.contains { $0.contains(sign.value) } }
  }

  /// What fontconfig says of all fonts; nil where it can't be asked.
  private static func coverage() -> String? {
    guard let executable = Gnuplot.tool("fc-list") else { return nil }
    let (process, output) = (Process(), Pipe())
    process.executableURL = URL(fileURLWithPath: executable)
    process.arguments = ["--format", "%{charset}\n"]
    (process.standardOutput, process.standardError) = (output, FileHandle.nullDevice)
    guard (try? process.run()) != nil else { return nil }
    let list = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return process.terminationStatus == 0 ? String(decoding: list, as: UTF8.self) : nil
  }
}
