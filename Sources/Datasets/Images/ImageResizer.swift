/// Resizes images of uint8 as torchvision's `Resize` does those of PIL, to the last bit: bilinear, with a filter that widens
/// when an image shrinks (antialiasing), along the rows first, then along the columns, each rounded to uint8.
///
/// Source: Pillow's `Resample.c`, its path for 8 bits per channel. (Pillow 13 takes the columns first for some changes of
/// shape, and is then one grey level off at times.)
public struct ImageResizer: Sendable {
  /// Height and width of the images that come.
  public let source: ImageSize
  /// Height and width of those that are made.
  public let target: ImageSize
  private let rows: ResizeTable
  private let columns: ResizeTable

  /// A plan from one size to another, for any number of images.
  public init(from source: ImageSize, to target: ImageSize) {
    (self.source, self.target) = (source, target)
    rows = ResizeTable(from: source.height, to: target.height)
    columns = ResizeTable(from: source.width, to: target.width)
  }

  /// How many bytes `resize` needs to work in.
  public var scratchBytes: Int { source.height * target.width }

  /// Resizes one channel, `[source.height, source.width]` to `[target.height, target.width]`.
  public func resize(
    _ plane: UnsafePointer<UInt8>, into output: UnsafeMutablePointer<UInt8>, scratch: UnsafeMutablePointer<UInt8>
  ) {
    let isWide = source.width != target.width
    let isHigh = source.height != target.height
    guard isWide || isHigh else { return output.update(from: plane, count: source.height * source.width) }
    let wide = isHigh ? scratch : output
    if isWide {
      for row in 0..<source.height {
        columns.alongRow(plane + row * source.width, into: wide + row * target.width)
      }
    }
    if isHigh { rows.acrossRows(isWide ? UnsafePointer(wide) : plane, width: target.width, into: output) }
  }

  /// Resizes all channels of an image, `[channels, height, width]`.
  public func resize(_ image: [UInt8], channels: Int) -> [UInt8] {
    let (from, to) = (source.height * source.width, target.height * target.width)
    precondition(image.count == channels * from, "an image of other size")
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(scratchBytes, 1)) { scratch in
      [UInt8](unsafeUninitializedCapacity: channels * to) { output, count in
        image.withUnsafeBufferPointer { pixels in
          guard let pixels = pixels.baseAddress, let output = output.baseAddress, let scratch = scratch.baseAddress
          else { return }
          for channel in 0..<channels { resize(pixels + channel * from, into: output + channel * to, scratch: scratch) }
          count = channels * to
        }
      }
    }
  }
}

/// Height and width of an image in pixels.
public struct ImageSize: Sendable, Equatable, Hashable, CustomStringConvertible {
  /// Pixels.
  public let height: Int
  /// Pixels.
  public let width: Int

  /// Height, then width.
  public init(_ height: Int, _ width: Int) { (self.height, self.width) = (height, width) }

  public var description: String { "\(height)×\(width)" }
}

/// Which pixels make each pixel of a resized line, and with what weights: integers in units of 2⁻²².
private struct ResizeTable: Sendable {
  private static let bits: Int32 = 22
  private static let half: Int32 = 1 << 21

  /// The first source pixel of each target pixel.
  private let first: [Int]
  /// How many source pixels each target pixel has.
  private let taps: [Int]
  /// `width` for each target pixel, of which the first `taps` count.
  private let weights: [Int32]
  private let width: Int

  init(from source: Int, to target: Int) {
    let scale = Double(source) / Double(max(target, 1))
    let support = max(scale, 1)
    width = Int(support.rounded(.up)) * 2 + 1
    var (first, taps, weights): ([Int], [Int], [Int32]) = ([], [], [])
    for position in 0..<target {
      let center = (Double(position) + 0.5) * scale
      let low = max(Int(center - support + 0.5), 0)
      let high = min(Int(center + support + 0.5), source)
      // Multiplied, not divided, as Pillow does it: the last bit counts.
      let triangle = (low..<high).map { max(0, 1 - abs((Double($0) - center + 0.5) * (1 / support))) }
      let sum = triangle.reduce(0, +)
      first.append(low)
      taps.append(high - low)
      weights += triangle.map { Int32(0.5 + $0 / sum * Double(1 << Self.bits)) }
      weights += [Int32](repeating: 0, count: width - triangle.count)
    }
    (self.first, self.taps, self.weights) = (first, taps, weights)
  }

  /// One row becomes narrower or wider. No weight is negative and they add up to one, so that no sum leaves 0…255.
  func alongRow(_ row: UnsafePointer<UInt8>, into output: UnsafeMutablePointer<UInt8>) {
    weights.withUnsafeBufferPointer { weights in
      guard let base = weights.baseAddress else { return }
      for position in first.indices {
        let (start, weight) = (row + first[position], base + position * width)
        var sum = Self.half
        for tap in 0..<taps[position] { sum &+= Int32(start[tap]) &* weight[tap] }
        output[position] = UInt8(truncatingIfNeeded: sum >> Self.bits)
      }
    }
  }

  /// All rows of an image become fewer or more.
  func acrossRows(_ image: UnsafePointer<UInt8>, width columns: Int, into output: UnsafeMutablePointer<UInt8>) {
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: max(columns, 1)) { sums in
      guard let sums = sums.baseAddress else { return }
      for position in first.indices {
        let start = image + first[position] * columns
        let target = output + position * columns
        let weight = weights[position * width..<position * width + taps[position]]
        if weight.count == 2 {
          // Every row of an image that grows, its edges aside.
          let (near, far, next) = (weight[weight.startIndex], weight[weight.startIndex + 1], start + columns)
          for x in 0..<columns {
            let sum = Self.half &+ Int32(start[x]) &* near &+ Int32(next[x]) &* far
            target[x] = UInt8(truncatingIfNeeded: sum >> Self.bits)
          }
          continue
        }
        for x in 0..<columns { sums[x] = Self.half }
        for (tap, factor) in weight.enumerated() {
          let line = start + tap * columns
          for x in 0..<columns { sums[x] &+= Int32(line[x]) &* factor }
        }
        for x in 0..<columns { target[x] = UInt8(truncatingIfNeeded: sums[x] >> Self.bits) }
      }
    }
  }
}
