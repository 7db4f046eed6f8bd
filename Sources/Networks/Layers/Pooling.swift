import Tensors

/// The maximum of each window of `[batch, channels, height, width]`; the stride is the window unless it is given.
public final class MaxPool2D: Module {
  /// The window, how far it moves, and what is put around the image: height, width each.
  public let kernel, stride, padding: [Int]
  /// Whether windows that begin in the image and end behind it are there, too.
  public let ceilMode: Bool

  /// Moves by the window's own size unless said otherwise.
  public init(_ kernel: Extent, stride: Extent? = nil, padding: Extent = 0, ceilMode: Bool = false) {
    (self.kernel, self.stride, self.padding) = (kernel.both, (stride ?? kernel).both, padding.both)
    self.ceilMode = ceilMode
  }

  public override func forward(_ input: Tensor) -> Tensor {
    input.maxPooled(kernel, stride: stride, padding: padding, ceilMode: ceilMode)
  }
}

/// The mean of each window of `[batch, channels, height, width]`, padded zeros counted or not.
public final class AvgPool2D: Module {
  /// The window, how far it moves, and what is put around the image: height, width each.
  public let kernel, stride, padding: [Int]
  /// Whether windows that begin in the image and end behind it are there, too; what they have behind it never counts.
  public let ceilMode: Bool
  /// Whether the zeros of the padding count in the mean.
  public let countsPadding: Bool

  /// Moves by the window's own size unless said otherwise.
  public init(
    _ kernel: Extent, stride: Extent? = nil, padding: Extent = 0, ceilMode: Bool = false, countsPadding: Bool = true
  ) {
    (self.kernel, self.stride, self.padding) = (kernel.both, (stride ?? kernel).both, padding.both)
    (self.ceilMode, self.countsPadding) = (ceilMode, countsPadding)
  }

  public override func forward(_ input: Tensor) -> Tensor {
    input.averagePooled(
      kernel, stride: stride, padding: padding, ceilMode: ceilMode, countingPadding: countsPadding)
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

/// The maximum of each of such windows.
public final class AdaptiveMaxPool2D: Module {
  /// Height and width of the output, whatever the input's.
  public let outputs: [Int]

  /// To an output of that height and width.
  public init(_ outputs: Extent) { self.outputs = outputs.both }

  public override func forward(_ input: Tensor) -> Tensor { input.adaptiveMaxPooled(outputs) }
}

/// The maximum of each window of `[batch, channels, length]`; the stride is the window unless it is given.
public final class MaxPool1D: Module {
  /// The window, how far it moves, and what is put at both ends.
  public let kernel, stride, padding: Int
  /// Whether windows that begin in the sequence and end behind it are there, too.
  public let ceilMode: Bool

  /// Moves by the window's own size unless said otherwise.
  public init(_ kernel: Int, stride: Int? = nil, padding: Int = 0, ceilMode: Bool = false) {
    (self.kernel, self.stride, self.padding, self.ceilMode) = (kernel, stride ?? kernel, padding, ceilMode)
  }

  public override func forward(_ input: Tensor) -> Tensor {
    input.maxPooled1D(kernel, stride: stride, padding: padding, ceilMode: ceilMode)
  }
}

/// The mean of each window of `[batch, channels, length]`, padded zeros counted or not.
public final class AvgPool1D: Module {
  /// The window, how far it moves, and what is put at both ends.
  public let kernel, stride, padding: Int
  /// Whether windows that begin in the sequence and end behind it are there, too; what they have behind it never counts.
  public let ceilMode: Bool
  /// Whether the zeros of the padding count in the mean.
  public let countsPadding: Bool

  /// Moves by the window's own size unless said otherwise.
  public init(
    _ kernel: Int, stride: Int? = nil, padding: Int = 0, ceilMode: Bool = false, countsPadding: Bool = true
  ) {
    (self.kernel, self.stride, self.padding) = (kernel, stride ?? kernel, padding)
    (self.ceilMode, self.countsPadding) = (ceilMode, countsPadding)
  }

  public override func forward(_ input: Tensor) -> Tensor {
    input.averagePooled1D(
      kernel, stride: stride, padding: padding, ceilMode: ceilMode, countingPadding: countsPadding)
  }
}
