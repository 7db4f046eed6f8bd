import Tensors

/// The maximum of each window of `[batch, channels, height, width]`; the stride is the window unless it is given.
public final class MaxPool2D: Module {
  /// The window, how far it moves, and what is put around the image: height, width each.
  public let kernel, stride, padding: [Int]

  /// Moves by the window's own size unless said otherwise.
  public init(_ kernel: Extent, stride: Extent? = nil, padding: Extent = 0) {
    (self.kernel, self.stride, self.padding) = (kernel.both, (stride ?? kernel).both, padding.both)
  }

  public override func forward(_ input: Tensor) -> Tensor {
    input.maxPooled(kernel, stride: stride, padding: padding)
  }
}

/// The mean of each window of `[batch, channels, height, width]`, padded zeros counted or not.
public final class AvgPool2D: Module {
  /// The window, how far it moves, and what is put around the image: height, width each.
  public let kernel, stride, padding: [Int]
  /// Whether the zeros of the padding count in the mean.
  public let countsPadding: Bool

  /// Moves by the window's own size unless said otherwise.
  public init(_ kernel: Extent, stride: Extent? = nil, padding: Extent = 0, countsPadding: Bool = true) {
    (self.kernel, self.stride, self.padding) = (kernel.both, (stride ?? kernel).both, padding.both)
    self.countsPadding = countsPadding
  }

  public override func forward(_ input: Tensor) -> Tensor {
    input.averagePooled(kernel, stride: stride, padding: padding, countingPadding: countsPadding)
  }
}

/// The mean over windows that cut the input into `outputs` parts each way, `[batch, channels, …]` to
/// `[batch, channels, outputs, outputs]`: with 1, the mean of each channel.
public final class AdaptiveAvgPool2D: Module {
  /// Height and width of the output, whatever the input's.
  public let outputs: [Int]

  /// To an output of that height and width.
  public init(_ outputs: Extent) { self.outputs = outputs.both }

  public override func forward(_ input: Tensor) -> Tensor { input.adaptivelyAveraged(outputs) }
}
