import Tensors

/// The maximum of each window of `[batch, channels, height, width]`; the stride is the window unless it is given.
public final class MaxPool2D: Module {
  public let kernel, stride, padding: [Int]

  public init(_ kernel: Extent, stride: Extent? = nil, padding: Extent = 0) {
    (self.kernel, self.stride, self.padding) = (kernel.both, (stride ?? kernel).both, padding.both)
  }

  public override func forward(_ input: Tensor) -> Tensor {
    input.maxPooled(kernel, stride: stride, padding: padding)
  }
}

/// The mean of each window of `[batch, channels, height, width]`, padded zeros counted or not.
public final class AvgPool2D: Module {
  public let kernel, stride, padding: [Int]
  public let countsPadding: Bool

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
  public let outputs: [Int]

  public init(_ outputs: Extent) { self.outputs = outputs.both }

  public override func forward(_ input: Tensor) -> Tensor { input.adaptivelyAveraged(outputs) }
}
