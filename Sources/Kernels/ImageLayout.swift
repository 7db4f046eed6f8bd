/// How the elements of `[batch, channels, height, width]` lie in memory.
public enum ImageLayout: Hashable, Sendable, CaseIterable {
  /// `[batch, height, width, channels]`: a pixel's channels side by side.
  case channelsLast
  /// `[batch, channels / 16, height, width, 16]`: planes of 16 channels, the last filled up with zeros. Kernels that read
  /// whole vectors of channels like it best; oneDNN calls it nChw16c.
  case blocked

  /// Channels of a block: one vector of AVX-512.
  public static let blockWidth = 16

  /// Channels that there is memory for.
  public func padded(_ channels: Int) -> Int {
    self == .blocked ? (channels + Self.blockWidth - 1) / Self.blockWidth * Self.blockWidth : channels
  }
}

/// The extents of images, and where their elements lie.
public struct ImageExtents: Hashable, Sendable {
  /// Images, channels of a pixel, rows and columns of pixels.
  public let batch, channels, height, width: Int

  /// None may be negative.
  public init(batch: Int, channels: Int, height: Int, width: Int) {
    (self.batch, self.channels, self.height, self.width) = (batch, channels, height, width)
  }

  private var pixels: Int { height * width }

  /// Elements of one image's memory.
  public func imageCount(_ layout: ImageLayout) -> Int { layout.padded(channels) * pixels }
  /// Elements of the whole memory.
  public func elementCount(_ layout: ImageLayout) -> Int { batch * imageCount(layout) }

  /// Where an element lies. `pixel` counts row by row.
  public func offset(_ layout: ImageLayout, image: Int, channel: Int, pixel: Int) -> Int {
    switch layout {
    case .channelsLast: return (image * pixels + pixel) * channels + channel
    case .blocked:
      let (block, lane) = channel.quotientAndRemainder(dividingBy: ImageLayout.blockWidth)
      return image * imageCount(.blocked) + (block * pixels + pixel) * ImageLayout.blockWidth + lane
    }
  }

  /// Copies images from channels-last memory to blocks.
  public func block<Scalar: Numeric>(_ source: UnsafePointer<Scalar>, into target: UnsafeMutablePointer<Scalar>) {
    forEachRun { plain, blocked, count in
      (target + blocked).update(from: source + plain, count: count)
      (target + blocked + count).update(repeating: 0, count: ImageLayout.blockWidth - count)
    }
  }

  /// Copies images from blocks to channels-last memory, image by image with room for one aside, so that both may begin at
  /// the same place.
  public func unblock<Scalar: Numeric>(_ memory: UnsafeMutablePointer<Scalar>) {
    let one = ImageExtents(batch: 1, channels: channels, height: height, width: width)
    withUnsafeTemporaryAllocation(of: Scalar.self, capacity: imageCount(.blocked)) { buffer in
      guard let aside = buffer.baseAddress else { return }
      for image in 0..<batch {
        aside.update(from: memory + image * imageCount(.blocked), count: imageCount(.blocked))
        let target = memory + image * imageCount(.channelsLast)
        one.forEachRun { plain, blocked, count in (target + plain).update(from: aside + blocked, count: count) }
      }
    }
  }

  /// Sets the channels that fill up the last block to zero again.
  public func clearPadding<Scalar: Numeric>(_ memory: UnsafeMutablePointer<Scalar>) {
    if channels % ImageLayout.blockWidth == 0 { return }
    forEachRun { _, blocked, count in
      (memory + blocked + count).update(repeating: 0, count: ImageLayout.blockWidth - count)
    }
  }

  /// The channels of each pixel and block, which lie side by side both ways.
  @inline(__always)
  private func forEachRun(_ body: (_ plain: Int, _ blocked: Int, _ count: Int) -> Void) {
    for image in 0..<batch {
      for first in stride(from: 0, to: channels, by: ImageLayout.blockWidth) {
        let count = min(ImageLayout.blockWidth, channels - first)
        for pixel in 0..<pixels {
          body(
            offset(.channelsLast, image: image, channel: first, pixel: pixel),
            offset(.blocked, image: image, channel: first, pixel: pixel), count)
        }
      }
    }
  }
}
