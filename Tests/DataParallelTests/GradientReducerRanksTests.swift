import Lockstep
import Testing

@testable import TestSupport

/// Sums of gradients over the ranks, and how many messages they take.
@Suite(.serialized) struct GradientReducerRanksTests {
  /// Parameters of the given sizes.
  private func parameters(_ counts: [Int]) throws -> [Tensor] {
    counts.map { count in
      let tensor = Tensor.zeros([count])
      tensor.requiresGradient = true
      return tensor
    }
  }

  /// Rank r's gradient of parameter p at position i is r + 10 p + i.
  private func fill(_ parameters: [Tensor], rank: Int) throws {
    for (index, parameter) in parameters.enumerated() {
      parameter.gradient = Tensor((0..<parameter.elementCount).map { Float(rank + 10 * index + $0) })
    }
  }

  private func expectSums(_ parameters: [Tensor], ranks: Int) throws {
    let rankSum = Float(ranks * (ranks - 1) / 2)
    for (index, parameter) in parameters.enumerated() {
      let wanted = (0..<parameter.elementCount).map { rankSum + Float(ranks * (10 * index + $0)) }
      #expect(try parameter.gradient?.floats() == wanted)
    }
  }

  /// Ten small gradients are one message; bytes decide about more.
  @Test(arguments: [(4 << 20, 1), (1, 10), (400, 1), (360, 2), (80, 5), (0, 10)])
  func messagesAStep(_ bucketBytes: Int, _ buckets: Int) throws {
    let communicator = try Ranks.duplicate()
    let parameters = try parameters([Int](repeating: 10, count: 10))
    let reducer = try GradientReducer(parameters, over: communicator, bucketBytes: bucketBytes)
    #expect(reducer.bucketCount == buckets)
    for step in 1...3 {
      try fill(parameters, rank: communicator.rank)
      for parameter in parameters.reversed() { try reducer.gradientReady(parameter) }
      try reducer.complete()
      try reducer.finish()
      try expectSums(parameters, ranks: communicator.size)
      #expect(communicator.collectiveCount == step * buckets)
    }
  }

  /// Backward may finish gradients in another order on each rank, and a rank may have none at all.
  @Test func anyOrderAndNoGradient() throws {
    let communicator = try Ranks.duplicate()
    let parameters = try parameters([3, 1, 7, 2, 5])
    let reducer = try GradientReducer(parameters, over: communicator, bucketBytes: 16)
    for idle in 0..<communicator.size {
      for parameter in parameters { parameter.gradient = nil }
      if communicator.rank != idle || communicator.size == 1 {
        try fill(parameters, rank: 0)
        let turned = (0..<5).map { parameters[($0 * 3 + communicator.rank) % 5] }
        for parameter in turned { try reducer.gradientReady(parameter) }
      }
      try reducer.complete()
      try reducer.finish()
      let busy = max(1, communicator.size - 1)
      for (index, parameter) in parameters.enumerated() {
        let wanted = (0..<parameter.elementCount).map { Float(busy * (10 * index + $0)) }
        #expect(try parameter.gradient?.floats() == wanted)
      }
    }
  }

  /// A parameter that a rank's samples did not touch counts as zero there.
  @Test func missingGradientsAreZero() throws {
    let communicator = try Ranks.duplicate()
    let parameters = try parameters([2, 2])
    let reducer = try GradientReducer(parameters, over: communicator)
    parameters[0].gradient = Tensor([Float(1), 2])
    if communicator.isRoot { parameters[1].gradient = Tensor([Float(3), 4]) }
    try reducer.gradientReady(parameters[0])
    try reducer.complete()
    try reducer.finish()
    let size = Float(communicator.size)
    #expect(try parameters[0].gradient?.floats() == [size, 2 * size])
    #expect(try parameters[1].gradient?.floats() == [3, 4])
  }

  /// A gradient that lies by columns is summed like any other, whether it fills a bucket or shares one.
  @Test(arguments: [3, 300, 600]) func gradientsMayLieAnyhow(_ side: Int) throws {
    let communicator = try Ranks.duplicate()
    let parameter = Tensor.zeros([side, side]).requiringGradient()
    let reducer = try GradientReducer([parameter], over: communicator)
    let numbers = Tensor((0..<side * side).map { Float($0 % 100) }).reshaped([side, side])
    parameter.gradient = numbers.transposed()
    try reducer.gradientReady(parameter)
    try reducer.complete()
    try reducer.finish()
    let wanted = try (numbers.transposed() * Double(communicator.size)).floats()
    #expect(try parameter.gradient?.floats() == wanted)
    // Summing them leaves alone what they were made of.
    #expect(try numbers.floats() == (0..<side * side).map { Float($0 % 100) })
  }

  @Test func twiceInAStepIsAnError() throws {
    let communicator = try Ranks.duplicate()
    guard communicator.size > 1 else { return }
    let parameters = try parameters([2, 3])
    let reducer = try GradientReducer(parameters, over: communicator)
    try fill(parameters, rank: 0)
    try reducer.gradientReady(parameters[1])
    let error = #expect(throws: TensorError.self) { try reducer.gradientReady(parameters[1]) }
    #expect(error.map { "\($0)" } == "reduce: a gradient of shape [3] was added twice in one step")
    // Somebody else's tensor is none of the reducer's business.
    try reducer.gradientReady(Tensor.zeros([1]))
    try reducer.complete()
    try reducer.finish()
    // The next step begins anew.
    try fill(parameters, rank: 0)
    try reducer.gradientReady(parameters[1])
    try reducer.complete()
    try reducer.finish()
    #expect(try parameters[1].gradient?.floats() == [10, 11, 12].map { $0 * Float(communicator.size) })
  }

  /// Tensors that are frozen or freed between two steps: the sums are of those that are left.
  @Test func otherTensorsInTheNextStep() throws {
    let communicator = try Ranks.duplicate()
    let parameters = try parameters([3, 4, 5])
    let reducer = try GradientReducer(parameters, over: communicator)
    for kept in [[0, 1, 2], [0, 2], [1], [0, 1, 2]] {
      for parameter in parameters { parameter.gradient = nil }
      let summed = kept.map { parameters[$0] }
      try reducer.begin(summed)
      try fill(summed, rank: communicator.rank)
      for parameter in summed.reversed() { try reducer.gradientReady(parameter) }
      try reducer.complete()
      try reducer.finish()
      try expectSums(summed, ranks: communicator.size)
      #expect(parameters.filter { $0.gradient != nil }.count == kept.count)
    }
  }

  /// What is still on its way would be added to the next step's sums.
  @Test func aStepThatFailedHalfwayEndsTheTraining() throws {
    let communicator = try Ranks.duplicate()
    guard communicator.size > 1 else { return }
    let parameters = try parameters([3, 4])
    let reducer = try GradientReducer(parameters, over: communicator, bucketBytes: 1)
    try fill(parameters, rank: 0)
    try reducer.gradientReady(parameters[1])
    #expect(message { try reducer.begin(parameters) }?.contains("this training can't go on") == true)
    try reducer.complete()
    try reducer.finish()
  }
}
