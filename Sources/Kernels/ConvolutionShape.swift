/// The extents of a two-dimensional convolution, weights `[outChannels, inChannels / groups, kernelHeight, kernelWidth]`.
public struct ConvolutionShape: Hashable, Sendable {
  public var batch, inChannels, inHeight, inWidth: Int
  public var outChannels, kernelHeight, kernelWidth: Int
  public var stride, padding, dilation: [Int]  // vertical, horizontal; a dense kernel has dilation 1
  public var groups: Int
  /// Of the input and the output, and of their gradients.
  public var inLayout, outLayout: ImageLayout

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

  public var outHeight: Int { extent(inHeight, kernelHeight, 0) }
  public var outWidth: Int { extent(inWidth, kernelWidth, 1) }

  public var input: ImageExtents {
    ImageExtents(batch: batch, channels: inChannels, height: inHeight, width: inWidth)
  }
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
