extension Tensor {
  /// `Σ (a - b)²` of two tensors of one shape, a scalar; derivatives `2 (a - b)` and `-2 (a - b)`, each computed in one walk:
  /// a small regression is all overhead of its operations.
  public final func squaredErrorSum(_ target: Tensor) -> Tensor {
    attempt(target, as: []) { try squaredDistance(target) }
  }

  private final func squaredDistance(_ target: Tensor) throws -> Tensor {
    guard shape == target.shape, dtype == target.dtype, dtype.isFloat else {
      throw TensorError(
        "squared error", "\(dtype) \(shape) and \(target.dtype) \(target.shape) are not floats of one shape and type")
    }
    let squares = try detached().paired(
      target.detached(), "squared error", { ($0 - $1) * ($0 - $1) }, { ($0 - $1) * ($0 - $1) })
    let total = squares.sum()
    return total.recorded([self, target], needing: self, target, function: "squaredErrorSum") { gradient in
      let slope = try gradient.item() * 2
      let narrow = Float(slope)
      func derivative(_ first: Tensor, _ second: Tensor) throws -> Tensor {
        try first.detached().paired(
          second.detached(), "squared error", { narrow * ($0 - $1) }, { slope * ($0 - $1) })
      }
      return [
        self.tracksGradient ? try derivative(self, target) : nil,
        target.tracksGradient ? try derivative(target, self) : nil,
      ]
    }
  }
}
