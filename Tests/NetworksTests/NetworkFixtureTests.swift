import Foundation
import Networks
import Tensors
import Testing

@testable import TestSupport

/// A network of the book on two examples, with digests of its gradients.
struct NetworkCase: Decodable, Sendable, CustomTestStringConvertible {
  struct Digest: Decodable, Sendable {
    let name: String, shape: [Int]
    let gradientSum, gradientAbsoluteSum: Double
    let indices: [Int], gradientValues: [Double]
  }
  let name: String, inputShape: [Int], labels: [Int64]
  let logits: FixtureTensor, loss: Double
  let parameters: [Digest]
  var testDescription: String { name }

  func make() throws -> Sequential {
    switch name {
    case "softmax-regression": return Sequential(Flatten(), Linear(784, 10))
    case "mlp": return Sequential(Flatten(), Linear(784, 256), ReLU(), Linear(256, 10))
    case "lenet":
      return Sequential(
        Conv2D(1, 6, kernel: 5, padding: 2), Sigmoid(), AvgPool2D(2), Conv2D(6, 16, kernel: 5), Sigmoid(),
        AvgPool2D(2), Flatten(), Linear(400, 120), Sigmoid(), Linear(120, 84), Sigmoid(), Linear(84, 10))
    default: throw TensorError("fixture", "no Swift network for \(name)")
    }
  }
}

@Suite("Networks against PyTorch's figures")
struct NetworkFixtureTests {
  @Test("Networks", arguments: try Fixture.load("networks", NetworkCase.self, in: .module))
  func networks(_ fixture: NetworkCase) throws {
    let network = try fixture.make()
    #expect(network.namedParameters.map(\.name) == fixture.parameters.map(\.name))
    #expect(network.namedParameters.map(\.tensor.shape.extents) == fixture.parameters.map(\.shape))
    for (index, entry) in network.namedParameters.enumerated() {
      try entry.tensor.assign(Self.formula(entry.tensor.shape, 0.1, 0.37, Double(index)))
    }
    let input = try Self.formula(Shape(fixture.inputShape), 0.5, 0.11, 0, offset: 0.5)
    let logits = network(input)
    try Fixture.expectNear(logits, fixture.logits, "logits", 1e-4, 1e-5)
    let loss = crossEntropy(logits, Tensor(fixture.labels))
    #expect(abs(try loss.item() - fixture.loss) < 1e-5)
    try loss.backward()
    // With weights of a sine the terms of LeNet's sums are a hundred times larger than the sums, twice in a row.
    let tolerance = fixture.name == "lenet" ? 1e-3 : 1e-5
    for (entry, wanted) in zip(network.namedParameters, fixture.parameters) {
      let values = try #require(entry.tensor.gradient).values(as: Double.self)
      let (magnitude, allowed) = (values.reduce(0) { $0 + abs($1) }, tolerance * wanted.gradientAbsoluteSum)
      #expect(abs(magnitude - wanted.gradientAbsoluteSum) <= allowed, "\(wanted.name)")
      #expect(abs(values.reduce(0, +) - wanted.gradientSum) <= allowed, "\(wanted.name)")
      for (index, value) in zip(wanted.indices, wanted.gradientValues) {
        #expect(abs(values[index] - value) <= 1e-4 * abs(value) + 1e-7, "\(wanted.name)[\(index)]")
      }
    }
  }

  /// `offset + scale · sin(frequency · i + phase)` over the row-major index i, as the script has it.
  private static func formula(
    _ shape: Shape, _ scale: Double, _ frequency: Double, _ phase: Double, offset: Double = 0
  ) throws -> Tensor {
    let values = (0..<shape.elementCount).map { Float(offset + scale * sin(frequency * Double($0) + phase)) }
    return Tensor(values, shape: shape)
  }
}
