import Kernels
import Optimizers
import Tensors
import Testing

@testable import TestSupport

/// Where elements lie, and in which float type, changes no update.
@Suite("Optimizers on any layout and float type")
struct ElementOrderTests {
  private static let muon = 9

  private func optimizer(_ kind: Int, _ parameter: Tensor) -> any Optimizer {
    let groups = [
      ParameterGroup([("w", parameter)], learningRate: 0.1, weightDecay: 0.01, isOrthogonal: kind == Self.muon)
    ]
    switch kind {
    case 0: return SGD(groups)
    case 1: return SGD(groups, momentum: 0.9, nesterov: true)
    case 4: return LARS(groups)
    case 5: return LAMB(groups)
    case 6: return Adagrad(groups)
    case 7: return RMSProp(groups, momentum: 0.5, centered: true)
    case 8: return Adadelta(groups)
    case Self.muon: return Muon(groups)
    default: return Adam(groups, isDecoupled: kind == 3)
    }
  }

  private func trained(
    _ kind: Int, _ dtype: DType, weights layout: Layout, gradients other: Layout
  ) throws -> (weights: [Double], slots: [[Double]], norm: Double) {
    let start = Tensor.normal([2, 5, 3, 4], key: RandomKey(seed: 1)).to(dtype)
    let weights = layout == .strided ? try view(of: start) : start.arranged(layout).detached()
    let optimizer = optimizer(kind, weights)
    var norm = 0.0
    for step in 0..<3 {
      let gradient = Tensor.normal([2, 5, 3, 4], key: RandomKey(seed: 2, time: step)).to(dtype)
      weights.gradient = other == .strided ? try view(of: gradient) : gradient.arranged(other).detached()
      norm = try clipGradients([weights], norm: 2)
      try optimizer.step()
    }
    let slots = try optimizer.slots.sorted { $0.key < $1.key }.flatMap {
      try $0.value.values.map { try $0.values(as: Double.self) }
    }
    return (try weights.values(), slots, norm)
  }

  @Test("Threads share a large parameter's elements, and change no bit", arguments: 0...9) func shared(kind: Int) throws
  {
    func weights(threads: Int) throws -> [Float] {
      try KernelOptions(threads: threads).run {
        let parameter = Tensor.normal([701, 900], key: RandomKey(seed: 3))
        let optimizer = optimizer(kind == Self.muon ? 2 : kind, parameter)
        for step in 0..<2 {
          parameter.gradient = .normal([701, 900], key: RandomKey(seed: 4, time: step))
          try optimizer.step()
        }
        return try parameter.floats()
      }
    }
    #expect(try weights(threads: 1) == weights(threads: 3))
  }

  private func view(of tensor: Tensor) throws -> Tensor {
    let view = Tensor.zeros([4, 3, 5, 2], tensor.dtype).permuted([3, 2, 1, 0])
    view.assign(tensor)
    return view
  }

  @Test(
    "SGD, momentum, Adam, AdamW, LARS, LAMB, Adagrad, RMSProp, Adadelta, Muon", arguments: 0...9,
    [DType.float32, .float64])
  func agrees(kind: Int, dtype: DType) throws {
    let plain = try trained(kind, .float64, weights: .rowMajor, gradients: .rowMajor)
    // The iteration that makes orthogonal matrices multiplies rounding errors.
    let tolerance = (dtype == .float64 ? 1e-12 : 1e-5) * (kind == Self.muon ? 100 : 1)
    for layouts in [
      [Layout.rowMajor, .rowMajor], [.channelsLast, .rowMajor], [.rowMajor, .channelsLast], [.strided, .rowMajor],
      [.channelsLast, .strided],
    ] {
      let found = try trained(kind, dtype, weights: layouts[0], gradients: layouts[1])
      #expect(zip(found.weights, plain.weights).allSatisfy { abs($0 - $1) < tolerance }, "\(layouts)")
      #expect(found.slots.count == plain.slots.count)
      for (mine, theirs) in zip(found.slots, plain.slots) {
        #expect(zip(mine, theirs).allSatisfy { abs($0 - $1) < tolerance }, "slots of \(layouts)")
      }
      #expect(abs(found.norm - plain.norm) < 1e-5)
    }
  }
}
