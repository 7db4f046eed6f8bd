/// The extents of a two-dimensional pooling.
public struct PoolingShape: Hashable, Sendable {
  /// Of the input; the output has as many images and channels.
  public var batch, channels, inHeight, inWidth: Int
  /// Vertical, then horizontal. Padding is on each side.
  public var kernel, stride, padding: [Int]
  /// Of input and output.
  public var layout: ImageLayout

  /// Channels-last images unless said otherwise.
  public init(
    batch: Int, channels: Int, inHeight: Int, inWidth: Int, kernel: [Int], stride: [Int], padding: [Int],
    layout: ImageLayout = .channelsLast
  ) {
    (self.batch, self.channels, self.inHeight, self.inWidth) = (batch, channels, inHeight, inWidth)
    (self.kernel, self.stride, self.padding, self.layout) = (kernel, stride, padding, layout)
  }

  /// 0 where the window is larger than the padded input.
  public var outHeight: Int { extent(inHeight, 0) }
  /// 0 where the window is larger than the padded input.
  public var outWidth: Int { extent(inWidth, 1) }

  /// The input's extents, and its gradient's.
  public var input: ImageExtents {
    ImageExtents(batch: batch, channels: channels, height: inHeight, width: inWidth)
  }
  /// The output's extents, and its gradient's.
  public var output: ImageExtents {
    ImageExtents(batch: batch, channels: channels, height: outHeight, width: outWidth)
  }

  private func extent(_ size: Int, _ axis: Int) -> Int {
    let span = size + 2 * padding[axis] - kernel[axis]
    return span < 0 ? 0 : span / stride[axis] + 1
  }

  /// Whether the windows tile the input: no window overlaps another, none is padded.
  var isTiling: Bool { kernel == stride && padding == [0, 0] }
}

/// What a pooling makes of a window.
public enum Pooling: Int, Sendable, CaseIterable {
  /// The greatest; padding is never it.
  case maximum
  /// The mean; padded zeros count as samples, as in PyTorch.
  case average
  /// The mean of a window's part inside of the input.
  case averageInside
}
