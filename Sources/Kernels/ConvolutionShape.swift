/// The extents of a two-dimensional convolution, weights `[outChannels, inChannels / groups, kernelHeight, kernelWidth]`.
public struct ConvolutionShape: Hashable, Sendable {
  public var batch, inChannels, inHeight, inWidth: Int
  public var outChannels, kernelHeight, kernelWidth: Int
  public var stride, padding, dilation: [Int]  // vertical, horizontal; a dense kernel has dilation 1
  public var groups: Int

  public init(
    batch: Int, inChannels: Int, inHeight: Int, inWidth: Int, outChannels: Int, kernelHeight: Int, kernelWidth: Int,
    stride: [Int], padding: [Int], dilation: [Int], groups: Int
  ) {
    (self.batch, self.inChannels, self.inHeight, self.inWidth) = (batch, inChannels, inHeight, inWidth)
    (self.outChannels, self.kernelHeight, self.kernelWidth) = (outChannels, kernelHeight, kernelWidth)
    (self.stride, self.padding, self.dilation, self.groups) = (stride, padding, dilation, groups)
  }

  public var outHeight: Int { extent(inHeight, kernelHeight, 0) }
  public var outWidth: Int { extent(inWidth, kernelWidth, 1) }

  private func extent(_ size: Int, _ kernel: Int, _ axis: Int) -> Int {
    let span = size + 2 * padding[axis] - dilation[axis] * (kernel - 1) - 1
    return span < 0 ? 0 : span / stride[axis] + 1
  }

  var weightExtents: [Int] {
    let perGroup = [outChannels / groups, inChannels / groups, kernelHeight, kernelWidth]
    return groups == 1 ? perGroup : [groups] + perGroup
  }
}
