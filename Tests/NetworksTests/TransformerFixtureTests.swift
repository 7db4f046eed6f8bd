import Networks
import Tensors
import Testing
import Zoo

@testable import TestSupport

/// A layer or module on given inputs, with PyTorch's outputs and gradients (`transformer_fixtures.py`).
struct ModuleCase: Decodable, Sendable, CustomTestStringConvertible {
  let name, kind: String
  let settings: [String: Double]
  let inputs: [FixtureTensor]
  let lengths, mask: FixtureTensor?
  let tokens, outputs, projections, inputGradients: [FixtureTensor]
  let parameterNames: [String]
  let parameters, gradients: [FixtureTensor]
  var testDescription: String { name }

  func setting(_ name: String) -> Int { Int(settings[name] ?? 0) }

  /// The module, with PyTorch's parameters; nil for an operation.
  func module() throws -> Module? {
    let width = inputs.first?.shape.last ?? 0
    let epsilon = settings["epsilon"] ?? 1e-5
    let result: Module?
    switch kind {
    case "layerNorm":
      let shape = Shape(Array((inputs.first?.shape ?? []).suffix(setting("axes"))))
      result = LayerNorm(shape: shape, epsilon: epsilon, bias: parameterNames.contains("bias"))
    case "rmsNorm": result = RMSNorm(width)
    case "groupNorm": result = GroupNorm(setting("groups"), inputs[0].shape[1])
    case "selfAttention": result = MultiHeadAttention(width, heads: setting("heads"), bias: setting("bias") == 1)
    case "crossAttention": result = MultiHeadAttention(6, heads: 3, queries: 5, keys: 4, values: 2)
    case "transformer":
      result = EncoderDecoder(
        TransformerEncoder(vocabulary: 6, width: 4, heads: 2, hidden: 6, layers: 2),
        TransformerDecoder(vocabulary: 5, width: 4, heads: 2, hidden: 6, layers: 2))
    case "vit":
      result = VisionTransformer(
        side: 6, patch: 3, width: 8, hidden: 12, heads: 2, layers: 2, classes: 3, channels: 2)
    case "dense": result = DenseBlock(2, 3, growth: 4)
    default: result = nil
    }
    guard let result else { return nil }
    #expect(result.namedParameters.map(\.name).sorted() == parameterNames.sorted())
    for (name, value) in zip(parameterNames, parameters) {
      try #require(result.tensor(named: name), "\(name)").assign(value.tensor())
    }
    return result
  }

  func compute(_ x: [Tensor], _ module: Module?) throws -> Tensor {
    let (lengths, mask) = (try lengths?.tensor(), try mask?.tensor())
    switch (kind, module) {
    case ("plainLayerNorm", _): return x[0].layerNorm([x[0].shape[1]])
    case ("gelu", _): return x[0].gelu()
    case ("geluTanh", _): return GELU(approximate: true)(x[0])
    case ("silu", _): return SiLU()(x[0])
    case ("positions", _): return PositionalEncoding(6).encode(x[0], from: 4)
    case ("rotary", _): return RotaryPositions(6).turn(x[0], from: 2)
    case ("attention", _):
      return .attention(
        queries: x[0], keys: x[1], values: x[2], causal: setting("causal") == 1, lengths: lengths, mask: mask,
        scale: settings["scale"])
    case (_, let attention as MultiHeadAttention):
      let all = x.count == 1 ? [x[0], x[0], x[0]] : x
      return attention.attend(all[0], all[1], all[2], lengths: lengths)
    case (_, let network as EncoderDecoder):
      return try network.logits(source: tokens[0].tensor(), lengths: lengths, inputs: tokens[1].tensor())
    default:
      let layer = try #require(module)
      return layer(x[0])
    }
  }

  func check(relative: Double = 1e-4, absolute: Double = 1e-5) throws {
    let leaves = try inputs.map { try $0.tensor().requiringGradient() }
    let module = try module()
    let output = try compute(leaves, module)
    try Fixture.expectNear(output, outputs[0], "output", relative, absolute)
    try output.backward(gradient: projections[0].tensor())
    for (input, wanted) in zip(leaves, inputGradients) {
      try Fixture.expectNear(#require(input.gradient), wanted, "gradient of an input", relative, absolute)
    }
    for (name, wanted) in zip(parameterNames, gradients) {
      let gradient = module?.tensor(named: name)?.gradient ?? .zeros(Shape(wanted.shape))
      try Fixture.expectNear(gradient, wanted, name, relative, absolute)
    }
  }
}

@Suite("What Transformers are made of, against PyTorch's figures")
struct TransformerFixtureTests {
  @Test("Layers", arguments: try Fixture.load("layers", ModuleCase.self, in: .module))
  func layers(_ fixture: ModuleCase) throws { try fixture.check() }

  @Test("Attention", arguments: try Fixture.load("heads", ModuleCase.self, in: .module))
  func attention(_ fixture: ModuleCase) throws { try fixture.check() }

  /// Two layers deep float32 rounds more.
  @Test("The book's modules", arguments: try Fixture.load("transformers", ModuleCase.self, in: .module))
  func modules(_ fixture: ModuleCase) throws { try fixture.check(relative: 3e-4, absolute: 5e-5) }
}
