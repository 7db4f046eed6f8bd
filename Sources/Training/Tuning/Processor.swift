import Foundation

/// The processor that this program runs on, by what the system says of it.
public enum Processor {
  /// Its name; "unknown" where the system has none for it.
  public static let name = field("model name") ?? "unknown"

  /// The first value of a name in `/proc/cpuinfo`.
  public static func field(_ name: String) -> String? {
    let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
    return line?.split(separator: ":", maxSplits: 1).last.map { $0.trimmingCharacters(in: .whitespaces) }
  }
}
