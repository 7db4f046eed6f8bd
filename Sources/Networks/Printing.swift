/// A printed module shows its layers, the shapes of their parameters and how many numbers these are:
/// ```
/// Perceptron(
///   (hidden): Linear(weight: [256, 784], bias: [256]), 200960 parameters
///   (output): Linear(weight: [10, 256], bias: [10]), 2570 parameters
/// ), 203530 parameters
/// ```
extension Module: CustomStringConvertible {
  public var description: String {
    let count = parameterCount
    let own = (parameters.entries + buffers.entries).map { "\($0.key): \($0.value.shape)" } + structure.settings
    let pieces = children.map { "  (\($0.key)): " + "\($0.value)".split(separator: "\n").joined(separator: "\n  ") }
    let lines = pieces.isEmpty ? "" : "\n" + pieces.joined(separator: "\n") + "\n"
    let sum = count > 0 ? ", \(count) parameter\(count == 1 ? "" : "s")" : ""
    return "\(type(of: self))(\(own.joined(separator: ", "))\(lines))\(sum)"
  }
}

extension Structure {
  /// Properties that are a number or two: `stride: [2, 2]`, `probability: 0.5`.
  fileprivate var settings: [String] {
    plain.compactMap { name, value in
      switch value {
      case is Int, is Double, is Bool: "\(name): \(value)"
      case let extents as [Int] where extents.count <= 4: "\(name): \(extents)"
      default: nil
      }
    }
  }
}
