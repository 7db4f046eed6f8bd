import ArgumentParser

/// What is left of gradients on their way.
enum Compression: String, CaseIterable, ExpressibleByArgument, Sendable {
  case none, bf16, int8

  /// Of so many bytes of float32.
  func bytes(_ bytes: Double) -> Double {
    switch self {
    case .none: bytes
    case .bf16: bytes / 2
    // And the scale.
    case .int8: bytes / 4 + 4
    }
  }
}
