// How elements spread, over all of them or some axes; integers give float32.

extension Tensor {
  /// `Σ (x - mean)² / (n - correction)`; derivative `2 (x - mean) / (n - correction)`. As in PyTorch the correction is 1, for the
  /// variance that the elements are a sample of; 0 gives that of the elements themselves. Of too few elements it is NaN.
  public final func variance(_ axes: [Int]? = nil, correction: Double = 1, keepingAxes: Bool = false) -> Tensor {
    attempt(as: shape.reduced(axes, keepingAxes: keepingAxes), floatType) {
      let spread = try Spread(self, axes, correction, keepingAxes, "variance")
      return spread.variance().recorded([self], needing: self, as: spread.operation("Variance")) {
        [spread.derivative($0 * 2)]
      }
    }
  }

  /// The variance along this axis.
  public final func variance(_ axis: Int, correction: Double = 1, keepingAxes: Bool = false) -> Tensor {
    variance([axis], correction: correction, keepingAxes: keepingAxes)
  }

  /// The square root s of the variance: PyTorch's `std`. Derivative `(x - mean) / ((n - correction) s)`, 0 where s is.
  public final func standardDeviation(
    _ axes: [Int]? = nil, correction: Double = 1, keepingAxes: Bool = false
  ) -> Tensor {
    attempt(as: shape.reduced(axes, keepingAxes: keepingAxes), floatType) {
      let spread = try Spread(self, axes, correction, keepingAxes, "standardDeviation")
      let deviation = spread.variance().sqrt()
      let kept = deviation.detached()
      return deviation.recorded([self], needing: self, kept, as: spread.operation("Deviation")) { gradient in
        let slope = gradient / kept.chosen(where: kept .!= 0, else: kept.scalar(1))
        return [spread.derivative(slope.maskedFill(kept .== 0, 0))]
      }
    }
  }

  /// The standard deviation along this axis.
  public final func standardDeviation(_ axis: Int, correction: Double = 1, keepingAxes: Bool = false) -> Tensor {
    standardDeviation([axis], correction: correction, keepingAxes: keepingAxes)
  }

  /// `(Σ |x|ᵖ)^(1/p)`, over all elements or some axes: the largest for an order p of infinity, how many are not 0 for one of 0.
  /// The derivative is 0 where the norm is.
  public final func norm(order: Double, _ axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
    attempt(as: shape.reduced(axes, keepingAxes: keepingAxes), floatType) {
      let sizes = to(floatType).abs()
      switch order {
      case 2: return norm(axes, keepingAxes: keepingAxes)
      case 1: return sizes.sum(axes, keepingAxes: keepingAxes)
      case 0: return (self .!= 0).to(floatType).sum(axes, keepingAxes: keepingAxes)
      case .infinity: return sizes.max(axes ?? Array(shape.indices), keepingAxes: keepingAxes)
      case -Double.infinity: return sizes.min(axes ?? Array(shape.indices), keepingAxes: keepingAxes)
      default:
        let total = sizes.pow(order).sum(axes, keepingAxes: keepingAxes)
        let isZero = total .== 0
        return total.maskedFill(isZero, 1).pow(1 / order).maskedFill(isZero, 0)
      }
    }
  }
}

/// Deviations from a mean.
private struct Spread {
  private let source: Tensor
  private let plan: Reduction
  private let axes: [Int]?
  /// What the squares are divided by: not below 0, so that too few elements give NaN.
  private let divisor: Double
  private let keepsAxes: Bool

  init(
    _ source: Tensor, _ axes: [Int]?, _ correction: Double, _ keepingAxes: Bool, _ operation: String
  ) throws {
    self.source = source.detached().to(source.floatType)
    (self.axes, keepsAxes) = (axes, keepingAxes)
    plan = try Reduction(source.shape, axes, keepingAxes, operation)
    divisor = Swift.max(Double(plan.count) - correction, 0)
  }

  /// Computed again for the derivative rather than kept.
  private func deviations() -> Tensor { source - source.mean(axes, keepingAxes: true) }

  func variance() -> Tensor { (deviations().pow(2).sum(axes, keepingAxes: true) / divisor).reshaped(plan.resultShape) }

  /// For whoever writes the forward pass down.
  func operation(_ name: String) -> TracedOperation {
    let whole = TracedOperation.reduction(name, axes, keepsAxes)
    return TracedOperation(name, whole.settings.merging(["divisor": .float(divisor)]) { $1 })
  }

  func derivative(_ gradient: Tensor) -> Tensor { deviations() * (gradient.reshaped(plan.keptShape) / divisor) }
}
