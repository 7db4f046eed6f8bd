import ArgumentParser
import Lockstep
import Zoo

struct SummaryCommand: SoloCommand {
  static let configuration = CommandConfiguration(
    commandName: "summary", abstract: "Shows each layer's output shape and parameters.")

  @Argument(help: "A model; `lockstep models` lists them.") var model: String
  @Option(help: "Batch, channels, height, width, such as 1,1,28,28.") var inputShape: String?

  @Option(parsing: .unconditional, help: "Multiplies vgg11's channels: 4 has those of the paper.") var width = 1

  func run() throws {
    let entry = try Zoo.find(model)
    var sizes = entry.sizes
    sizes.width = try ModelSizes.checked(width: width)
    let shape = try inputShape.map(parse) ?? [1] + entry.inputShape
    let network = entry.make(sizes).evaluate()
    var rows = [Table.row("layer", "output", "parameters"), Table.row("input", "\(Shape(shape))", "0")]
    try withoutGradient {
      for (name, layer, output) in try outputs(of: network, shape) {
        rows.append(Table.row("\(name) \(type(of: layer))", "\(output)", "\(layer.parameterCount)"))
      }
    }
    rows.append(Table.row("total", "", "\(network.parameterCount)"))
    print(rows.joined(separator: "\n"))
  }

  /// Each part with the shape of what it makes of zeros.
  private func outputs(of network: Module, _ shape: [Int]) throws -> [(name: String, layer: Module, output: Shape)] {
    if let network = network as? LanguageModel {
      let outputs = network.rnn.run(.zeros(Shape(shape), .int64).transposed()).outputs
      let logits = network.forward(.zeros(Shape(shape), .int64))
      try logits.check()
      return [("rnn", network.rnn, outputs.shape), ("linear", network.linear, logits.shape)]
    }
    if let network = network as? EncoderDecoder {
      let tokens = Tensor.zeros(Shape(shape), .int64)
      let outputs = network.encoder.encode(tokens, lengths: nil).outputs
      let logits = network.logits(source: tokens, lengths: nil, inputs: tokens)
      try logits.check()
      return [("encoder", network.encoder, outputs.shape), ("decoder", network.decoder, logits.shape)]
    }
    var value = Tensor.zeros(Shape(shape))
    return try network.children.map { name, layer in
      value = layer(value)
      if let fault = value.fault {
        throw ConfigurationError("input \(shape) does not fit \(model): layer \(name) (\(type(of: layer))): \(fault)")
      }
      return (name, layer, value.shape)
    }
  }

  private func parse(_ text: String) throws -> [Int] {
    let extents = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    guard extents.count > 1, extents.allSatisfy({ $0 > 0 && $0 <= 1 << 16 }),
      extents.reduce(1.0, { $0 * Double($1) }) <= 1e9
    else { throw ValidationError("--input-shape is '\(text)', but must be extents such as 1,1,28,28") }
    return extents
  }
}
