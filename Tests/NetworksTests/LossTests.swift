import Foundation
import Networks
import Tensors
import Testing

@testable import TestSupport

@Suite("Losses against PyTorch's figures and central differences")
struct LossTests {
  @Test("Values and gradients", arguments: try Fixture.load("losses", OperatorCase.self, in: .module), floats)
  func figures(_ fixture: OperatorCase, dtype: DType) throws { try Fixture.check(fixture, Self.calls, dtype) }

  @Test(
    "With options: weights, ignored labels, smoothing, probabilities",
    arguments: try Fixture.load("optional_losses", OperatorCase.self, in: .module), floats)
  func options(_ fixture: OperatorCase, dtype: DType) throws { try Fixture.check(fixture, Self.calls, dtype) }

  private static let floats: [DType] = [.float32, .float64]
  private static let calls: [String: OperatorCall] = [
    "crossEntropy": {
      crossEntropy(
        $1[0], $1[1], weights: $1.count > 2 ? $1[2] : nil, ignoredIndex: $0.ignored ?? -100,
        labelSmoothing: $0.smoothing ?? 0, reduction: reduction($0))
    },
    "nll": { negativeLogLikelihood($1[0], $1[1], weights: $1.count > 2 ? $1[2] : nil, reduction: reduction($0)) },
    "binary": { binaryCrossEntropy($1[0], $1[1], weights: $1.count > 2 ? $1[2] : nil, reduction: reduction($0)) },
    "binaryLogits": {
      let (weights, positive) = $1.count > 3 ? ($1[2], $1[3]) : (nil, nil)
      return binaryCrossEntropyWithLogits(
        $1[0], $1[1], weights: weights, positiveWeights: positive, reduction: reduction($0))
    },
    "absolute": { meanAbsoluteError($1[0], $1[1], reduction: reduction($0)) },
    "huber": { huberLoss($1[0], $1[1], delta: $0.delta ?? 1, reduction: reduction($0)) },
    "smoothL1": { smoothL1Loss($1[0], $1[1], beta: $0.delta ?? 1, reduction: reduction($0)) },
    "divergence": { klDivergence($1[0], $1[1], logarithmic: $0.weighted ?? false, reduction: reduction($0)) },
    "meanSquaredError": { meanSquaredError($1[0], $1[1], reduction: reduction($0)) },
  ]

  private static func reduction(_ arguments: OperatorCase.Arguments) -> LossReduction {
    switch arguments.reduction {
    case "none": .none
    case "sum": .sum
    case "batchmean": .batchMean
    default: .mean
    }
  }

  @Test("Cross-entropy", arguments: [LossReduction.none, .sum, .mean])
  func crossEntropies(reduction: LossReduction) throws {
    let labels = Tensor([Int64(2), 0, 4])
    try checkGradient([Layouts.normal([3, 5])]) { crossEntropy($0[0], labels, reduction: reduction) }
    try checkGradient([Layouts.normal([5, 3])]) { crossEntropy($0[0].transposed(), labels, reduction: reduction) }
  }

  @Test("Squared error, over random broadcasting shapes", arguments: 0..<12)
  func squaredErrors(seed: Int) throws {
    let (first, second) = Layouts.broadcastingPair(seed: seed)
    let pair = [try Layouts.normal(first, seed: 1), try Layouts.normal(second, seed: 2)]
    try checkGradient(pair, "\(first), \(second)") {
      let shape = ($0[0] + $0[1]).shape
      return meanSquaredError($0[0].expanded(to: shape), $0[1].expanded(to: shape), reduction: .sum)
    }
  }

  @Test("With options, against central differences", arguments: [LossReduction.none, .sum, .mean])
  func optionalLosses(reduction: LossReduction) throws {
    let labels = Tensor([Int64(2), -1, 4, 0])
    let weights = Tensor([0.5, 2, 1, 0, 3])
    try checkGradient([Layouts.normal([4, 5])]) {
      crossEntropy(
        $0[0], labels, weights: weights, ignoredIndex: -1, labelSmoothing: 0.2, reduction: reduction)
    }
    try checkGradient([Layouts.normal([5, 4])]) {
      negativeLogLikelihood($0[0].transposed(), labels, weights: weights, ignoredIndex: -1, reduction: reduction)
    }
    let pair = [try Layouts.normal([4, 5]), try Layouts.normal([4, 5], seed: 1)]
    try checkGradient(pair) {
      crossEntropy($0[0], $0[1].softmax(), weights: weights, labelSmoothing: 0.2, reduction: reduction)
    }
    try checkGradient(pair) { binaryCrossEntropy($0[0].sigmoid(), $0[1].sigmoid(), reduction: reduction) }
    try checkGradient(pair) {
      binaryCrossEntropyWithLogits($0[0], $0[1].sigmoid(), positiveWeights: weights, reduction: reduction)
    }
    try checkGradient(pair) { huberLoss($0[0], $0[1], delta: 0.8, reduction: reduction) }
    try checkGradient(pair) { smoothL1Loss($0[0], $0[1], beta: 0.8, reduction: reduction) }
    try checkGradient(pair) { meanAbsoluteError($0[0], $0[1], reduction: reduction) }
    try checkGradient(pair) { klDivergence($0[0].logSoftmax(), $0[1].softmax(), reduction: reduction) }
  }

  @Test("What is ignored counts nothing, whatever it is; of nothing the mean is NaN and the sum 0")
  func ignored() throws {
    let logits = Tensor([[1.0, 2, 3], [Float.nan, .infinity, 0], [0, 0, 1]]).requiringGradient()
    let loss = crossEntropy(logits, Tensor([0, -100, 2]))
    let wanted = crossEntropy(Tensor([[1.0, 2, 3], [0, 0, 1]]), Tensor([0, 2]))
    #expect(try loss.item() == wanted.item())
    try loss.backward()
    let gradient = try #require(logits.gradient).floats()
    #expect(Array(gradient[3..<6]) == [0, 0, 0] && gradient.allSatisfy(\.isFinite))
    let infinite = Tensor([[-Float.infinity, 0], [-1, -2]])
    #expect(try negativeLogLikelihood(infinite, Tensor([-100, 1]), reduction: .sum).item() == 2)
    let nothing = Tensor([-100, -100])
    #expect(try crossEntropy(Tensor.zeros([2, 3]), nothing, reduction: .sum).item() == 0)
    #expect(try crossEntropy(Tensor.zeros([2, 3]), nothing).item().isNaN)
    #expect(throws: TensorError.self) {
      try crossEntropy(Tensor.zeros([1, 3]), Tensor([-100]), ignoredIndex: nil).item()
    }
    let empty = crossEntropy(Tensor.zeros([0, 3, 2]), Tensor.zeros([0, 2], .int64), reduction: .none)
    #expect(empty.shape == [0, 2] && empty.fault == nil)
  }

  @Test("Without options the bits are those of softmax less the label")
  func plain() throws {
    let logits = Tensor.normal([64, 10], key: RandomKey(seed: 3)).requiringGradient()
    let labels = Tensor.integers([64], 0, 10, key: RandomKey(seed: 4))
    try logits.crossEntropy(labels).sum().backward()
    let shifted = logits.detached() - logits.detached().max(1, keepingAxes: true)
    let powers = shifted.exp()
    let onehot = (labels.unsqueezed(1) .== Tensor.arange(10)).to(.float32)
    let wanted = powers * (1 / powers.sum(1, keepingAxes: true)) - onehot
    #expect(try logits.gradient?.floats() == wanted.floats())
  }
}
