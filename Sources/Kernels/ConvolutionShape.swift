/// The extents of a two-dimensional convolution, weights `[outChannels, inChannels / groups, kernelHeight, kernelWidth]`.
public struct ConvolutionShape: Hashable, Sendable {
  /// Of the input.
  public var batch, inChannels, inHeight, inWidth: Int
  /// Of the output, and of the weights.
  public var outChannels, kernelHeight, kernelWidth: Int
  /// Vertical, then horizontal; a dense kernel has dilation 1. Padding is on each side.
  public var stride, padding, dilation: [Int]
  /// Parts that input and output channels are cut into, each convolved by itself; must divide both.
  public var groups: Int
  /// Of the input and the output, and of their gradients.
  public var inLayout, outLayout: ImageLayout

  /// Channels-last images unless said otherwise.
  public init(
    batch: Int, inChannels: Int, inHeight: Int, inWidth: Int, outChannels: Int, kernelHeight: Int, kernelWidth: Int,
    stride: [Int], padding: [Int], dilation: [Int], groups: Int,
    inLayout: ImageLayout = .channelsLast, outLayout: ImageLayout = .channelsLast
  ) {
    (self.batch, self.inChannels, self.inHeight, self.inWidth) = (batch, inChannels, inHeight, inWidth)
    (self.outChannels, self.kernelHeight, self.kernelWidth) = (outChannels, kernelHeight, kernelWidth)
    (self.stride, self.padding, self.dilation, self.groups) = (stride, padding, dilation, groups)
    (self.inLayout, self.outLayout) = (inLayout, outLayout)
  }

  /// 0 where the kernel is larger than the padded input.
  public var outHeight: Int { extent(inHeight, kernelHeight, 0) }
  /// 0 where the kernel is larger than the padded input.
  public var outWidth: Int { extent(inWidth, kernelWidth, 1) }

  /// The input's extents, and its gradient's.
  public var input: ImageExtents {
    ImageExtents(batch: batch, channels: inChannels, height: inHeight, width: inWidth)
  }
  /// The output's extents, and its gradient's.
  public var output: ImageExtents {
    ImageExtents(batch: batch, channels: outChannels, height: outHeight, width: outWidth)
  }

  private func extent(_ size: Int, _ kernel: Int, _ axis: Int) -> Int {
    let span = size + 2 * padding[axis] - dilation[axis] * (kernel - 1) - 1
    return span < 0 ? 0 : span / stride[axis] + 1
  }

  var weightExtents: [Int] {
    let perGroup = [outChannels / groups, inChannels / groups, kernelHeight, kernelWidth]
    return groups == 1 ? perGroup : [groups] + perGroup
  }
}
