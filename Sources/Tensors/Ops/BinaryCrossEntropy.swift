extension Tensor {
  /// `-t ln p - (1 - t) ln(1 - p)` of probabilities and targets of one shape, where no logarithm counts less than -100, as in
  /// PyTorch. Derivatives `(p - t) / (p (1 - p))`, with a divisor of 1e-12 at least, and `ln(1 - p) - ln p`.
  public final func binaryCrossEntropy(_ targets: Tensor) -> Tensor {
    attempt(targets) {
      guard shape == targets.shape, dtype == targets.dtype, dtype.isFloat else {
        throw TensorError(
          "binary cross-entropy",
          "\(dtype) \(shape) and \(targets.dtype) \(targets.shape) are not floats of one shape and type")
      }
      let (p, t) = (detached(), targets.detached())
      // NaN is the extreme of both, and in no range.
      let (low, high) = elementCount == 0 ? (0, 0) : (try p.min().item(), try p.max().item())
      guard low >= 0, high <= 1 else {
        throw TensorError("binary cross-entropy", "probabilities from \(low) to \(high), not within 0…1")
      }
      let yes = p.log().clamped(-100, .infinity)
      let no = (1 - p).log().clamped(-100, .infinity)
      return ((t - 1) * no - t * yes).recorded([self, targets], needing: p, t) { gradient in
        [
          self.tracksGradient ? gradient * (p - t) / (p * (1 - p)).clamped(1e-12, .infinity) : nil,
          targets.tracksGradient ? gradient * (no - yes) : nil,
        ]
      }
    }
  }

  /// `ln(1 + exp x)`, exact on both sides; derivative `1 / (1 + exp(-x))`.
  public final func softplus() -> Tensor {
    attempt(as: nil, floatType) {
      let x = detached().to(floatType)
      let power = (-x.abs()).exp()
      let sum = 1 + power
      // ln(1 + e) loses what the sum rounds off; e / (sum - 1) puts it back. Source: Goldberg 1991, theorem 4.
      let rest = try power.paired(sum, "softplus", { $1 == 1 ? 1 : $0 / ($1 - 1) }, { $1 == 1 ? 1 : $0 / ($1 - 1) })
      let small = power.chosen(where: sum .== 1, else: sum.log() * rest)
      return (x.relu() + small).recorded([self], needing: self) { [$0 * self.sigmoid()] }
    }
  }
}
