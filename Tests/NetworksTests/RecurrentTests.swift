import Networks
import Tensors
import Testing

@testable import TestSupport

/// A recurrent network on given inputs, with PyTorch's outputs and gradients (`recurrent_fixtures.py`).
struct RecurrentCase: Decodable, Sendable, CustomTestStringConvertible {
  let name, cell: String
  let inputs, hidden, layers: Int
  let isBidirectional: Bool
  let input: FixtureTensor
  let states, outputs, projections: [FixtureTensor]
  let inputGradient: FixtureTensor?
  let stateGradients: [FixtureTensor]
  let parameterNames: [String]
  let parameters, gradients: [FixtureTensor]
  var testDescription: String { name }

  func make() throws -> Recurrent {
    let kind = try #require(Recurrent.Cell(rawValue: cell))
    return Recurrent(kind, inputs, hidden, layers: layers, isBidirectional: isBidirectional)
  }
}

@Suite("Recurrent layers")
struct RecurrentTests {
  @Test(
    "Values and all gradients are PyTorch's", arguments: try Fixture.load("recurrent", RecurrentCase.self, in: .module))
  func fixture(_ fixture: RecurrentCase) throws {
    let network = try fixture.make()
    #expect(network.namedParameters.map(\.name) == fixture.parameterNames)
    for (entry, value) in zip(network.namedParameters, fixture.parameters) { try entry.tensor.assign(value.tensor()) }
    let input = try fixture.input.tensor()
    if fixture.inputGradient != nil { input.requiringGradient() }
    let states = try fixture.states.map { try $0.tensor().requiringGradient() }
    let state = states.isEmpty ? nil : RecurrentState(hidden: states[0], cell: states.count > 1 ? states[1] : nil)
    let (outputs, last) = network.run(input, from: state)
    let results = [outputs, last.hidden, last.cell].compactMap { $0 }
    #expect(results.count == fixture.outputs.count)
    for (result, wanted) in zip(results, fixture.outputs) {
      try Fixture.expectNear(result, wanted, "output", 1e-4, 1e-5)
    }
    var sum = Tensor(Float(0))
    for (result, weight) in zip(results, fixture.projections) { sum = try sum + (result * weight.tensor()).sum() }
    try sum.backward()
    for (entry, wanted) in zip(network.namedParameters, fixture.gradients) {
      try Fixture.expectNear(#require(entry.tensor.gradient), wanted, entry.name, 1e-4, 1e-5)
    }
    if let wanted = fixture.inputGradient {
      try Fixture.expectNear(#require(input.gradient), wanted, "input", 1e-4, 1e-5)
    }
    for (state, wanted) in zip(states, fixture.stateGradients) {
      try Fixture.expectNear(#require(state.gradient), wanted, "state", 1e-4, 1e-5)
    }
  }

  @Test("Two halves of a sequence make the whole", arguments: Recurrent.Cell.allCases)
  func continues(_ cell: Recurrent.Cell) throws {
    let network = Recurrent(cell, 3, 4, layers: 2)
    let input = Tensor.normal([7, 2, 3], key: RandomKey(seed: 1))
    let whole = network.run(input)
    let first = network.run(input[0..<3])
    let second = network.run(input[3..<7], from: first.state)
    let joined = Tensor.concatenate([first.outputs, second.outputs])
    #expect(try (joined - whole.outputs).abs().max().item() < 1e-6)
    #expect(try (second.state.hidden - whole.state.hidden).abs().max().item() < 1e-6)
  }

  @Test("Dropout between layers is of training alone, and no layer's last")
  func dropout() throws {
    let network = Recurrent(.gru, 3, 4, layers: 2, dropout: 0.5)
    let input = Tensor.normal([5, 2, 3], key: RandomKey(seed: 2))
    let kept = network.evaluate().forward(input.copy())
    #expect(try kept.floats() == network(input).floats())
    network.train()
    #expect(try kept.floats() != network(input).floats())
  }

  @Test("What does not fit is refused")
  func refusals() throws {
    let network = Recurrent(.lstm, 3, 4)
    for shape in [[2, 3], [5, 2, 4], [0, 2, 3]] as [Shape] {
      #expect(throws: TensorError.self) { try network(.zeros(shape)).floats() }
    }
    #expect(throws: TensorError.self) { try network(Tensor([[Int64(3)]])).floats() }
    #expect(throws: TensorError.self) { try network(Tensor([[Int64(-1)]])).floats() }
    let state = RecurrentState(hidden: .zeros([1, 3, 4]), cell: .zeros([1, 3, 4]))
    #expect(throws: TensorError.self) { try network.run(.zeros([5, 2, 3]), from: state).outputs.floats() }
    #expect(network(.zeros([5, 0, 3])).shape == [5, 0, 4])
  }

  @Test("An embedding's gradient is that of the rows used")
  func embedding() throws {
    let layer = Embedding(5, 2)
    let output = layer(Tensor([[Int64(1), 3, 1]]))
    #expect(output.shape == [1, 3, 2])
    try (output * Tensor([[Float(1)], [2], [4]])).sum().backward()
    #expect(try #require(layer.weight.gradient).floats() == [0, 0, 5, 5, 0, 0, 2, 2, 0, 0])
    #expect(throws: TensorError.self) { try layer(Tensor([Int64(5)])).floats() }
  }
}
