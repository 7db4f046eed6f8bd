import Foundation

/// The processor's name, and which of its instructions matter here.
public struct Processor: CustomStringConvertible {
  /// Its name, and in brackets its instructions.
  public let description: String

  /// This machine's.
  public static var own: Processor {
    Processor(cpuInfo: (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? "")
  }

  /// By the text of Linux, which differs from one kind of processor to the other: Arm's has numbers in place of names.
  public init(cpuInfo text: String) {
    let entries = text.split(separator: "\n").compactMap { line in
      line.firstIndex(of: ":").map { (Self.trimmed(line[..<$0]), Self.trimmed(line[line.index(after: $0)...])) }
    }
    // Each core has its own.
    let fields = Dictionary(entries) { first, _ in first }
    let words = Set((fields["flags"] ?? fields["Features"] ?? "").split(separator: " ").map(String.init))
    let instructions = Self.instructions.filter(words.contains).joined(separator: " ")
    let name = fields["model name"] ?? Self.armName(fields["CPU implementer"], fields["CPU part"]) ?? "unknown"
    description = instructions.isEmpty ? name : "\(name) (\(instructions))"
  }

  private static func trimmed(_ text: Substring) -> String { text.trimmingCharacters(in: .whitespaces) }

  /// On x86, and on Arm.
  private static let instructions =
    ["avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16"] + ["asimd", "sve", "sve2", "bf16", "i8mm"]

  /// Of processors that clusters have, by Arm's own numbers; what else there is keeps its numbers.
  private static func armName(_ implementer: String?, _ part: String?) -> String? {
    guard let implementer, let part else { return nil }
    switch (implementer, part) {
    case ("0x41", "0xd08"): return "Arm Cortex-A72"
    case ("0x41", "0xd0c"): return "Arm Neoverse-N1"
    case ("0x41", "0xd40"): return "Arm Neoverse-V1"
    case ("0x41", "0xd49"): return "Arm Neoverse-N2"
    case ("0x41", "0xd4f"): return "Arm Neoverse-V2"
    case ("0x46", "0x001"): return "Fujitsu A64FX"
    case ("0xc0", "0xac3"): return "Ampere-1"
    default: return "Arm, implementer \(implementer), part \(part)"
    }
  }
}
