/// How often each of the 256 values of a pixel occurs in each channel.
struct PixelCounts: Sendable, Equatable {
  /// By channel, then by value.
  private(set) var channels: [[Int]]

  init(channels: Int) { self.channels = [[Int]](repeating: [Int](repeating: 0, count: 256), count: channels) }

  /// Adds images `[n, channels, height, width]`, of which each channel has so many pixels.
  mutating func add(_ pixels: UnsafeBufferPointer<UInt8>, area: Int) {
    for start in stride(from: 0, to: pixels.count, by: max(area, 1)) {
      channels[start / max(area, 1) % channels.count].withUnsafeMutableBufferPointer { counts in
        for pixel in pixels[start..<start + area] { counts[Int(pixel)] += 1 }
      }
    }
  }

  mutating func add(_ others: PixelCounts) {
    for (channel, counts) in others.channels.enumerated() {
      for (value, count) in counts.enumerated() { channels[channel][value] += count }
    }
  }
}
