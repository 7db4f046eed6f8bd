import Optimizers
import Tensors
import Testing

@testable import TestSupport

@Suite("Averages of weights, and orthogonal steps")
struct WeightAverageTests {
  private func walk(_ average: WeightAverage, _ weights: Tensor, _ steps: ClosedRange<Int>) throws {
    for step in steps {
      weights.assign(Tensor([Float(step), Float(-step * step)]))
      try average.update()
    }
  }

  /// As PyTorch's `AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.75))` has it: the first weights begin it.
  @Test func asPyTorch() throws {
    let weights = Tensor.parameter([2])
    let average = WeightAverage(of: [("w", weights)], decay: 0.75)
    #expect(average.named.isEmpty)
    try walk(average, weights, 1...4)
    #expect(average.named.map(\.name) == ["w"])
    #expect(try average.named[0].tensor.floats() == [2.265625, -6.671875])
    #expect(try weights.floats() == [4, -16])
  }

  @Test func goesOnFromWhatWasSaved() throws {
    let (whole, parts) = (Tensor.parameter([2]), Tensor.parameter([2]))
    let wanted = WeightAverage(of: [("w", whole)], decay: 0.9)
    try walk(wanted, whole, 1...6)
    let first = WeightAverage(of: [("w", parts)], decay: 0.9)
    try walk(first, parts, 1...3)
    let second = WeightAverage(of: [("w", parts)], decay: 0.9)
    try second.restore(first.named)
    try walk(second, parts, 4...6)
    #expect(try bits(second.named[0].tensor) == bits(wanted.named[0].tensor))
    // What was saved is a copy.
    #expect(try bits(first.named[0].tensor) != bits(second.named[0].tensor))
    try second.restore([])
    #expect(second.named.isEmpty)
    #expect(throws: TensorError.self) { try second.restore([("v", whole)]) }
    #expect(throws: TensorError.self) { try second.restore([("w", .zeros([3]))]) }
  }

  @Test func standsInForTheWeights() throws {
    let weights = Tensor.parameter([2])
    let average = WeightAverage(of: [("w", weights)], decay: 0.5)
    #expect(try average.whileUsed(weights.floats) == [0, 0])
    try walk(average, weights, 1...2)
    #expect(try average.whileUsed(weights.floats) == [1.5, -2.5])
    #expect(try weights.floats() == [2, -4])
    struct Stop: Error {}
    #expect(throws: Stop.self) { try average.whileUsed { throw Stop() } }
    #expect(try weights.floats() == [2, -4])
    average.use()
    #expect(try weights.floats() == [1.5, -2.5])
  }

  /// Of a wide, a tall and a square matrix: all singular values are near 1, those of the product with its own transpose their squares.
  @Test(arguments: [[4, 9], [9, 4], [6, 6]]) func orthogonal(_ shape: [Int]) throws {
    let matrix = Tensor.normal(Shape(shape), key: RandomKey(seed: 3)) * 40
    let x = try Muon.orthogonalized(matrix)
    #expect(x.shape == matrix.shape)
    let gram = shape[0] > shape[1] ? x.transposed().matmul(x) : x.matmul(x.transposed())
    let size = min(shape[0], shape[1])
    let trace = try (0..<size).reduce(0.0) { try $0 + gram[$1][$1].item() }
    #expect((0.4 * Double(size)...1.5 * Double(size)).contains(trace), "\(trace)")
    // The step goes down the gradient: their product has a positive trace.
    #expect(try (x * matrix).sum().item() > 0)
    #expect(try Muon.orthogonalized(Tensor.zeros([3, 2])).floats() == [0, 0, 0, 0, 0, 0])
  }

  /// Vectors and what is not orthogonal are AdamW's.
  @Test func vectorsAreAdamWs() throws {
    let (mine, theirs, matrix) = (Tensor.parameter([3]), Tensor.parameter([3]), Tensor.parameter([2, 2]))
    let muon = Muon([
      ParameterGroup([("m", matrix)], learningRate: 0.02, isOrthogonal: true),
      ParameterGroup([("v", mine)], learningRate: 0.1, weightDecay: 0.1),
    ])
    let adamw = Adam([ParameterGroup([("v", theirs)], learningRate: 0.1, weightDecay: 0.1)], isDecoupled: true)
    for step in 1...3 {
      for vector in [mine, theirs] { vector.gradient = Tensor([Float(step), -1, 0.5]) }
      matrix.gradient = Tensor([[Float(step), 1], [0, 2]])
      try muon.step()
      try adamw.step()
    }
    #expect(try bits(mine) == bits(theirs))
    #expect(muon.slots.mapValues { $0.keys.sorted() } == ["momentum": ["m"], "mean": ["v"], "square": ["v"]])
    muon.groups[1].isOrthogonal = true
    let error = #expect(throws: TensorError.self) { try muon.step() }
    #expect(error?.description == "muon: v is no matrix: its shape is [3]")
  }
}
