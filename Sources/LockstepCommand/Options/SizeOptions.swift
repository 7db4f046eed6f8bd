import ArgumentParser
import Lockstep

/// Sizes that one chooses, of models that come in many.
struct SizeOptions: ParsableArguments {
  @Option(
    parsing: .unconditional, help: "Width of a Transformer; of vgg11 what multiplies its channels, 4 for the paper's.")
  var width: Int?
  @Option(help: "Units of the hidden layers of mlp, such as 64,32; 256 unless given. Of a Transformer one number.")
  var hidden: String?
  @Option(parsing: .unconditional, help: "Blocks of a Transformer.") var layers: Int?
  @Option(parsing: .unconditional, help: "Heads of a Transformer's attention, which divide its width.") var heads: Int?
  @Option(parsing: .unconditional, help: "Tokens that gpt looks back on, and of a sample.") var context: Int?
  @Option(parsing: .unconditional, help: "Side of the images that vit takes, others are resized; 96 unless given.")
  var side: Int?
  @Option(parsing: .unconditional, help: "Side of the squares that vit cuts images into, which divides --side; 16.")
  var patch: Int?
  @Option(parsing: .unconditional, help: "The probability that a value becomes 0 in training.") var dropout: Double?

  /// The sizes of a model, with what was asked for in their place.
  /// - Throws: `ConfigurationError` for what can't be, and for what the model does not let one choose.
  func applied(to sizes: ModelSizes, of entry: ModelEntry, _ registry: Registry) throws -> ModelSizes {
    let model = SizedModel(entry: entry, registry: registry)
    var result = sizes
    result.width = try model.checked(width, in: model.widths, "width", \.width) ?? result.width
    if let hidden { result.hidden = try model.checked(hidden: hidden) }
    result.layers = try model.checked(layers, in: 1...1024, "layers", \.layers) ?? result.layers
    result.heads = try model.checked(heads, in: 1...1024, "heads", \.heads) ?? result.heads
    result.context = try model.checked(context, in: 1...1 << 20, "context", \.context) ?? result.context
    if let dropout {
      try model.checkTakes("dropout", \.dropout)
      guard (0..<1).contains(dropout) else {
        throw ConfigurationError("dropout is \(dropout), but must be in 0..<1")
      }
      result.dropout = dropout
    }
    if let heads = result.heads, let width = result.width, width % heads != 0 {
      throw ConfigurationError("heads is \(heads), but must divide the width, \(width)")
    }
    return try cut(result, of: model)
  }

  /// With the images' side, and that of the squares which tile them.
  private func cut(_ sizes: ModelSizes, of model: SizedModel) throws -> ModelSizes {
    if side == nil && patch == nil { return sizes }
    let own = model.entry.sizes
    var result = sizes
    result.side = try model.checked(side, in: 1...1024, "side", \.side) ?? sizes.side ?? own.side
    result.patch = try model.checked(patch, in: 1...1024, "patch", \.patch) ?? sizes.patch ?? own.patch
    if let side = result.side, let patch = result.patch, side % patch != 0 {
      throw ConfigurationError("patch is \(patch), but must divide the side, \(side)")
    }
    return result
  }
}

/// A model whose sizes are chosen, among the others that there are.
private struct SizedModel {
  let entry: ModelEntry
  let registry: Registry

  /// - Throws: `ConfigurationError` with the models that have such a size, where this one has none.
  func checkTakes<Value>(_ name: String, _ size: KeyPath<ModelSizes, Value?>) throws {
    if entry.sizes[keyPath: size] != nil { return }
    let others = registry.models.filter { $0.sizes[keyPath: size] != nil }.map(\.name)
    guard let last = others.last else { throw ConfigurationError("\(name) is for none of this tool's models") }
    let list = others.count > 1 ? others.dropLast().joined(separator: ", ") + " and " + last : last
    throw ConfigurationError("\(name) is for \(list), not \(entry.name)")
  }

  func checked(
    _ value: Int?, in range: ClosedRange<Int>, _ name: String, _ size: KeyPath<ModelSizes, Int?>
  ) throws -> Int? {
    guard let value else { return nil }
    try checkTakes(name, size)
    guard range.contains(value) else {
      throw ConfigurationError("\(name) is \(value), but must be in \(range.lowerBound)…\(range.upperBound)")
    }
    return value
  }

  /// Units of hidden layers that make a network that fits memory; a Transformer's blocks have one each, of the same size.
  func checked(hidden: String) throws -> [Int] {
    try checkTakes("hidden", \.hidden)
    let widths = hidden.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    let (most, example) =
      entry.sizes.heads == nil ? (64, "units of layers such as 64,32") : (1, "one number such as 64")
    guard (1...most).contains(widths.count), widths.allSatisfy({ (1...1 << 20).contains($0) }) else {
      throw ConfigurationError("hidden is '\(hidden)', but must be \(example)")
    }
    return widths
  }

  /// Widths, or multiples of channels, that make a network that fits memory.
  var widths: ClosedRange<Int> { entry.sizes.heads == nil ? 1...16 : 1...1 << 16 }
}
