// Convolution and pooling of `[batch, channels, length]`: as images of one row.

extension Tensor {
  /// Cross-correlation of `[batch, inChannels, length]` with weights `[outChannels, inChannels / groups, kernel]` and an optional bias
  /// `[outChannels]`; derivatives as those of `convolved`.
  public final func convolved1D(
    _ weights: Tensor, bias: Tensor? = nil, stride: Int = 1, padding: Int = 0, dilation: Int = 1, groups: Int = 1
  ) -> Tensor {
    attempt(weights, bias) {
      guard weights.rank == 3 else {
        throw TensorError("convolution", "needs 3 axes of weights for sequences, not \(weights.shape)")
      }
      return try asRow("convolution") {
        $0.convolved(
          weights.unsqueezed(2), bias: bias, stride: [1, stride], padding: [0, padding], dilation: [1, dilation],
          groups: groups)
      }
    }
  }

  /// The maximum of each window of `[batch, channels, length]`, as `maxPooled`.
  public final func maxPooled1D(
    _ kernel: Int, stride: Int? = nil, padding: Int = 0, ceilMode: Bool = false
  ) -> Tensor {
    attempt {
      try asRow("pooling") {
        $0.maxPooled([1, kernel], stride: [1, stride ?? kernel], padding: [0, padding], ceilMode: ceilMode)
      }
    }
  }

  /// The mean of each window of `[batch, channels, length]`, as `averagePooled`.
  public final func averagePooled1D(
    _ kernel: Int, stride: Int? = nil, padding: Int = 0, ceilMode: Bool = false, countingPadding: Bool = true
  ) -> Tensor {
    attempt {
      try asRow("pooling") {
        $0.averagePooled(
          [1, kernel], stride: [1, stride ?? kernel], padding: [0, padding], ceilMode: ceilMode,
          countingPadding: countingPadding)
      }
    }
  }

  /// The mean of each of `outputs` windows of `[batch, channels, length]`, as `adaptivelyAveraged`.
  public final func adaptivelyAveraged1D(_ outputs: Int) -> Tensor {
    attempt { try asRow("adaptive pooling") { $0.adaptivelyAveraged([1, outputs]) } }
  }

  /// The maximum of each of `outputs` windows of `[batch, channels, length]`, as `adaptiveMaxPooled`.
  public final func adaptiveMaxPooled1D(_ outputs: Int) -> Tensor {
    attempt { try asRow("adaptive pooling") { $0.adaptiveMaxPooled([1, outputs]) } }
  }

  private final func asRow(_ name: String, _ operation: (Tensor) -> Tensor) throws -> Tensor {
    guard rank == 3 else { throw TensorError(name, "needs [batch, channels, length], not \(shape)") }
    let result = operation(unsqueezed(2))
    // What can't be squeezed is a fault already.
    return result.fault == nil ? result.squeezed(2) : result
  }
}
