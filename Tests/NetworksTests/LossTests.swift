import Foundation
import Networks
import Tensors
import Testing

@testable import TestSupport

@Suite("Losses against PyTorch's figures and central differences")
struct LossTests {
  @Test("Values and gradients", arguments: try Fixture.load("losses", OperatorCase.self, in: .module), floats)
  func figures(_ fixture: OperatorCase, dtype: DType) throws { try Fixture.check(fixture, Self.calls, dtype) }

  private static let floats: [DType] = [.float32, .float64]
  private static let calls: [String: OperatorCall] = [
    "crossEntropy": { crossEntropy($1[0], $1[1], reduction: reduction($0)) },
    "meanSquaredError": { meanSquaredError($1[0], $1[1], reduction: reduction($0)) },
  ]

  private static func reduction(_ arguments: OperatorCase.Arguments) -> LossReduction {
    switch arguments.reduction {
    case "none": .none
    case "sum": .sum
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
}
