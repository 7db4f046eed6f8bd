import Networks
import Tensors
import Testing

@testable import TestSupport

@Suite("Dropout")
struct DropoutTests {
  private func masks(_ samples: [Int], seed: UInt64 = 1, time: Int = 0, layers: Int = 1) throws -> [[Float]] {
    let input = Tensor.ones([samples.count, 64])
    let output = ForwardScope.run(seed: seed, time: time, samples: samples) {
      for _ in 1..<layers { _ = input.droppedOut(0.5) }
      return input.droppedOut(0.5)
    }
    return try samples.indices.map { try output[$0].floats() }
  }

  @Test("A sample's mask is the same in any batch, at any place")
  func bySample() throws {
    let whole = try masks(Array(0..<10))
    let shuffled = try masks([7, 3, 9])
    #expect(shuffled == [whole[7], whole[3], whole[9]])
    #expect(try masks([4]) == [whole[4]])
    #expect(Set(whole).count == 10)
  }

  @Test("Masks differ by seed, time and layer")
  func byKey() throws {
    let mask = try masks([5])
    #expect(try masks([5]) == mask)
    #expect(try masks([5], seed: 2) != mask)
    #expect(try masks([5], time: 1) != mask)
    #expect(try masks([5], layers: 2) != mask)
  }

  @Test("Outside of a scope no two calls have the same mask")
  func unscoped() throws {
    let input = Tensor.ones([2, 64])
    #expect(try input.droppedOut(0.5).floats() != input.droppedOut(0.5).floats())
  }

  @Test("The expectation stays, the derivative has the same mask, and evaluation hands the input on")
  func meaning() throws {
    let input = Tensor.ones([500, 100]).requiringGradient()
    let layer = Dropout(0.3)
    let output = layer(input)
    let values = try output.floats()
    #expect(values.allSatisfy { $0 == 0 || $0 == Float(1 / 0.7) })
    #expect(abs(try output.mean().item() - 1) < 0.02)
    try output.sum().backward()
    #expect(try input.gradient?.floats() == values)
    #expect(layer.evaluate()(input) === input)
    #expect(Dropout(0)(input) === input)
    #expect(try Dropout(1)(input).sum().item() == 0)
  }

  @Test("A batch that is not the scope's is an error")
  func otherBatch() throws {
    let error = #expect(throws: TensorError.self) {
      try ForwardScope.run(seed: 0, time: 0, samples: [1, 2]) { try Tensor.ones([3, 4]).droppedOut(0.5).floats() }
    }
    #expect(error?.description == "random layer: a batch of 3 rows in a pass over 2 samples")
  }
}
