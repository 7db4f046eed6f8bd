import Networks
import Optimizers
import Tensors
import Testing

@testable import TestSupport

@Suite("What optimizers remember")
struct OptimizerMemoryTests {
  private func optimizers(_ groups: [ParameterGroup]) -> [any Optimizer] {
    [SGD(groups, momentum: 0.9), Adam(groups), Adam(groups, isDecoupled: true)]
  }

  /// Issue 13: the small layer's memory was used for the large one, whose update wrote far past its end.
  @Test("Parameters of one name in two groups have memories of their own")
  func sameNames() throws {
    for index in 0..<3 {
      let layers = [Linear(2, 2), Linear(40, 30)]
      let optimizer = optimizers(layers.map { ParameterGroup($0.namedParameters, learningRate: 0.1) })[index]
      for entry in layers.flatMap(\.namedParameters) { entry.tensor.gradient = .ones(entry.tensor.shape) }
      try optimizer.step()
      for (slot, tensors) in optimizer.slots {
        #expect(tensors.keys.sorted() == ["bias", "bias#2", "weight", "weight#2"], "\(slot)")
        #expect(tensors["weight"]?.shape == [2, 2] && tensors["weight#2"]?.shape == [30, 40])
      }
    }
  }

  @Test("Equal shapes do not share their memory either")
  func equalShapes() throws {
    let (moved, other) = (Tensor.parameter([2]), Tensor.parameter([2]))
    let optimizer = SGD(
      [ParameterGroup([("w", moved)], learningRate: 1), ParameterGroup([("w", other)], learningRate: 1)], momentum: 0.5)
    moved.gradient = Tensor.ones([2])
    try optimizer.step()
    moved.gradient = nil
    other.gradient = Tensor([Float(4), 4])
    try optimizer.step()
    #expect(try moved.floats() == [-1, -1] && other.floats() == [-4, -4])
  }

  @Test("Set by name, the memory goes on; of another shape it is refused before anything is written")
  func restored() throws {
    let layer = Linear(2, 2, bias: false)
    let optimizer = SGD([ParameterGroup(layer.namedParameters, learningRate: 1)], momentum: 0.5)
    layer.weight.fill(0)
    layer.weight.gradient = .ones([2, 2])
    optimizer.slots = ["momentum": ["weight": .ones([2, 2]), "unknown": .ones([7])]]
    try optimizer.step()
    #expect(try layer.weight.floats() == [-1.5, -1.5, -1.5, -1.5])
    #expect(optimizer.slots["momentum"]?.keys.sorted() == ["weight"])
    optimizer.slots = ["momentum": ["weight": .ones([1])]]
    let error = #expect(throws: TensorError.self) { try optimizer.step() }
    #expect(error?.description == "optimizer: the momentum of weight has shape [1], not [2, 2]")
  }
}
