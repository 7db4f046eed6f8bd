import Kernels
import Optimizers
import Tensors
import Testing

@testable import TestSupport

/// Kernels keep what they make of a parameter. However it changes, what comes next is computed from what it is now.
@Suite("Parameters that change between two uses")
struct ChangedParameterTests {
  /// What a parameter is used for; all of them compute with forms that the native kernels keep.
  enum Use: String, CaseIterable {
    case product, linear, convolution, winograd, recurrence

    var shape: Shape {
      switch self {
      case .product: [7, 20]
      case .linear: [20, 7]
      case .convolution: [5, 3, 3, 2]
      case .winograd: [16, 16, 3, 3]
      case .recurrence: [16, 4]
      }
    }

    var inputShape: Shape {
      switch self {
      case .product, .linear: [3, 7]
      case .convolution: [2, 3, 5, 6]
      case .winograd: [1, 16, 8, 7]
      case .recurrence: [3, 2, 5]
      }
    }

    func output(_ input: Tensor, _ weights: Tensor) -> Tensor {
      switch self {
      case .product: return input.matmul(weights)
      case .linear: return input.linear(weights, nil)
      case .convolution, .winograd: return input.convolved(weights, padding: [1, 1])
      case .recurrence:
        let bias = Tensor.zeros([16], .float32)
        let share = Tensor((0..<80).map { Float($0 % 7) / 10 - 0.3 }, shape: [16, 5])
        return input.recurrent(
          .lstm, RecurrentWeights(input: share, hidden: weights, inputBias: bias, hiddenBias: bias)
        ).outputs
      }
    }
  }

  /// Ways to change one.
  enum Change: String, CaseIterable {
    case fill, assign, rowByRow, view, withoutRecording, floats, floatsUntilAnError, elements, sgd, momentum, adam

    func apply(to weights: Tensor) throws {
      let other = Tensor((0..<weights.elementCount).map { Float($0 % 11) / 20 - 0.2 }, shape: weights.shape)
      switch self {
      case .fill: weights.fill(0.125)
      case .assign: weights.assign(other)
      case .rowByRow: withoutGradient { weights[1] = other[0] }
      case .view: weights.detached().reshaped([-1])[2...5].fill(2)
      case .withoutRecording:
        var weights = weights
        withoutGradient { weights -= 0.5 }
      case .floats: try weights.withFloats { $0[3] = 4 }
      case .floatsUntilAnError:
        struct Fault: Error {}
        #expect(throws: Fault.self) {
          try weights.withFloats { floats in
            floats[3] = 4
            throw Fault()
          }
        }
      case .elements:
        try weights.withElements(as: Float.self, reading: other) { count, own, _, source in
          own.update(from: source, count: count)
        }
      case .sgd: try SGD([group(weights)]).step()
      case .momentum: try SGD([group(weights)], momentum: 0.9).step()
      case .adam: try Adam([group(weights)]).step()
      }
    }

    private func group(_ weights: Tensor) -> ParameterGroup {
      ParameterGroup([(name: "weights", tensor: weights)], learningRate: 0.25)
    }
  }

  /// The output and, by backward, the input's gradient.
  private func results(_ use: Use, _ weights: Tensor) throws -> [UInt32] {
    let count = use.inputShape.elementCount
    let input = Tensor((0..<count).map { Float($0 % 13) / 13 - 0.4 }, shape: use.inputShape).requiringGradient()
    let output = use.output(input, weights)
    try output.sum().backward()
    let gradient = try #require(input.gradient)
    return try (output.floats() + gradient.floats()).map(\.bitPattern)
  }

  @Test("Each use after each change", arguments: Use.allCases, Change.allCases)
  func changes(use: Use, change: Change) throws {
    try KernelOptions(backend: .native).run {
      var numbers = SeededNumbers(3)
      let values = (0..<use.shape.elementCount).map { _ in Float.random(in: -0.5...0.5, using: &numbers) }
      let weights = Tensor(values, shape: use.shape).requiringGradient()
      let before = try results(use, weights)
      #expect(try results(use, weights) == before)
      for _ in 0..<2 {
        let last = try results(use, weights)
        let old = try weights.floats()
        try change.apply(to: weights)
        // Nothing is kept of what is no parameter.
        let wanted = try results(use, weights.detached().copy())
        #expect(try results(use, weights) == wanted)
        #expect(try weights.floats() == old || wanted != last)
      }
      #expect(try results(use, weights) != before)
    }
  }
}
