import ArgumentParser
import Lockstep

extension Compression: ExpressibleByArgument {}

/// What is left of gradients on their way, for `scale`.
extension Compression {
  /// Those of which it can be told without the matrices' shapes.
  static let predictable: [Compression] = [.none, .bf16, .int8]

  /// Of so many bytes of float32.
  func bytes(_ bytes: Double) -> Double {
    switch self {
    case .bf16: Double(BF16Code().byteCount(of: Int(bytes / 4)))
    case .int8: Double(Int8Code().byteCount(of: Int(bytes / 4)))
    case .none, .powersgd: bytes
    }
  }
}
