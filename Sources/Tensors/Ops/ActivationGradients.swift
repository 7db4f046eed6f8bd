import Kernels

/// An activation whose derivative is told from its result y.
enum KeptActivation {
  /// 1 where y > 0, else 0.
  case relu
  /// `y (1 - y)`.
  case sigmoid
  /// `1 - y²`.
  case tanh
}

extension Tensor {
  /// What of an activation's gradient reaches its input: in the gradient's memory if nobody else has that. Not recorded.
  static func past(_ activation: KeptActivation, _ gradient: inout Tensor, _ output: Tensor) throws -> Tensor {
    if activation == .relu, let halves = try gradient.halfPassing(output) { return halves }
    let isOwn = isKnownUniquelyReferenced(&gradient) && isKnownUniquelyReferenced(&gradient.storage)
    let isAligned = gradient.strides == output.strides && gradient.shape == output.shape && output.isDense
    guard isOwn, isAligned, gradient.storage.isWritable, gradient.dtype == .float32, output.dtype == .float32 else {
      return try gradient.past(activation, output)
    }
    let areBlocked = gradient.isBlocked && output.isBlocked
    let count = areBlocked ? gradient.blockedCount : gradient.elementCount
    let target: UnsafeMutablePointer<Float> = try areBlocked ? gradient.imageMemory().pointer : gradient.pointer()
    let kept: UnsafeMutablePointer<Float> = try areBlocked ? output.imageMemory().pointer : output.pointer()
    ElementShares.run(count) { places in
      switch activation {
      case .relu:
        for i in places {
          // Read whether it passes or not: a branch that nobody can predict costs more than all the rest.
          let own = target[i]
          target[i] = kept[i] > 0 ? own : 0
        }
      case .sigmoid: for i in places { target[i] = target[i] * kept[i] * (1 - kept[i]) }
      case .tanh: for i in places { target[i] = target[i] * (1 - kept[i] * kept[i]) }
      }
    }
    return gradient
  }

  /// The same in new memory, of any float type and any strides.
  private func past(_ activation: KeptActivation, _ output: Tensor) throws -> Tensor {
    switch activation {
    case .relu: try paired(output, "relu", { $1 > 0 ? $0 : 0 }, { $1 > 0 ? $0 : 0 })
    case .sigmoid: try paired(output, "sigmoid", { $0 * $1 * (1 - $1) }, { $0 * $1 * (1 - $1) })
    case .tanh: try paired(output, "tanh", { $0 * (1 - $1 * $1) }, { $0 * (1 - $1 * $1) })
    }
  }
}
