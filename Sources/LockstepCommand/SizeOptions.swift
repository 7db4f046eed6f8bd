import ArgumentParser
import Lockstep

/// Sizes that one chooses, of models that come in many.
struct SizeOptions: ParsableArguments {
  @Option(
    parsing: .unconditional, help: "Width of a Transformer; of vgg11 what multiplies its channels, 4 for the paper's.")
  var width: Int?
  @Option(help: "Units of the hidden layers of mlp, such as 64,32; 256 unless given.") var hidden: String?
  @Option(parsing: .unconditional, help: "Blocks of a Transformer.") var layers: Int?
  @Option(parsing: .unconditional, help: "Heads of a Transformer's attention, which divide its width.") var heads: Int?
  @Option(parsing: .unconditional, help: "Tokens that gpt looks back on, and of a sample.") var context: Int?
  @Option(parsing: .unconditional, help: "The probability that a value becomes 0 in training.") var dropout: Double?

  /// The sizes of a model, with what was asked for in their place.
  /// - Throws: `ConfigurationError` for what can't be, and for what the model does not let one choose.
  func applied(to sizes: ModelSizes, of entry: ModelEntry) throws -> ModelSizes {
    let own = entry.sizes
    var result = sizes
    if let width { result.width = try Self.checked(width: width, entry) }
    if let hidden { result.hidden = try Self.checked(hidden: hidden, entry) }
    result.layers = try Self.checked(layers, in: 1...1024, "layers", own.layers, entry) ?? result.layers
    result.heads = try Self.checked(heads, in: 1...1024, "heads", own.heads, entry) ?? result.heads
    result.context = try Self.checked(context, in: 1...1 << 20, "context", own.context, entry) ?? result.context
    if let dropout {
      guard own.dropout != nil else { throw ConfigurationError("dropout is not for \(entry.name)") }
      guard (0..<1).contains(dropout) else {
        throw ConfigurationError("dropout is \(dropout), but must be in 0..<1")
      }
      result.dropout = dropout
    }
    if let heads = result.heads, result.width % heads != 0 {
      throw ConfigurationError("heads is \(heads), but must divide the width, \(result.width)")
    }
    return result
  }

  private static func checked(
    _ value: Int?, in range: ClosedRange<Int>, _ name: String, _ own: Int?, _ entry: ModelEntry
  ) throws -> Int? {
    guard let value else { return nil }
    guard own != nil else { throw ConfigurationError("\(name) is not for \(entry.name)") }
    guard range.contains(value) else {
      throw ConfigurationError("\(name) is \(value), but must be in \(range.lowerBound)…\(range.upperBound)")
    }
    return value
  }

  /// Units of hidden layers that make a network that fits memory.
  private static func checked(hidden: String, _ entry: ModelEntry) throws -> [Int] {
    guard entry.sizes.hidden != nil else { throw ConfigurationError("hidden is for mlp, not \(entry.name)") }
    let widths = hidden.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    guard (1...64).contains(widths.count), widths.allSatisfy({ (1...1 << 20).contains($0) }) else {
      throw ConfigurationError("hidden is '\(hidden)', but must be units of layers such as 64,32")
    }
    return widths
  }

  /// A width, or a multiple of channels, that makes a network that fits memory.
  private static func checked(width: Int, _ entry: ModelEntry) throws -> Int {
    let range = entry.sizes.heads == nil ? 1...16 : 1...1 << 16
    guard range.contains(width) else {
      throw ConfigurationError("width is \(width), but must be in \(range.lowerBound)…\(range.upperBound)")
    }
    return width
  }
}
