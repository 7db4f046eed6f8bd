import CZlib
import HDF5Files

extension Picture {
  /// From an image `[channels, height, width]`, 1 channel or 3; values in 0…1, what is beyond is cut off.
  public init?(_ values: some Collection<Float>, channels: Int, _ size: ImageSize) {
    guard channels == 1 || channels == 3, values.count == channels * size.height * size.width else { return nil }
    self.init(
      size: size, channels: channels,
      pixels: values.map { $0.isFinite ? UInt8(clamping: Int((min(max($0, 0), 1) * 255).rounded())) : 0 })
  }

  /// Pictures of one size side by side, so many in a row; nil for none, or of several sizes.
  public init?(grid pictures: [Picture], columns: Int) {
    guard let first = pictures.first,
      pictures.allSatisfy({ $0.size == first.size && $0.channels == first.channels })
    else { return nil }
    let columns = min(max(columns, 1), pictures.count)
    let (height, width) = (first.size.height, first.size.width)
    let all = ImageSize((pictures.count + columns - 1) / columns * height, columns * width)
    var pixels = [UInt8](repeating: 0, count: first.channels * all.height * all.width)
    for (index, picture) in pictures.enumerated() {
      for channel in 0..<first.channels {
        for y in 0..<height {
          let source = (channel * height + y) * width
          let row = channel * all.height + index / columns * height + y
          let target = row * all.width + index % columns * width
          pixels.replaceSubrange(target..<target + width, with: picture.pixels[source..<source + width])
        }
      }
    }
    self.init(size: all, channels: first.channels, pixels: pixels)
  }

  /// The picture with pixels of so many by so many.
  public func enlarged(by factor: Int) -> Picture {
    let (height, width, factor) = (size.height, size.width, max(factor, 1))
    var result: [UInt8] = []
    result.reserveCapacity(pixels.count * factor * factor)
    for row in 0..<channels * height {
      let line = pixels[row * width..<(row + 1) * width].flatMap { [UInt8](repeating: $0, count: factor) }
      for _ in 0..<factor { result += line }
    }
    return Picture(size: ImageSize(height * factor, width * factor), channels: channels, pixels: result)
  }

  /// The bytes of a PNG file.
  public func png() -> [UInt8] {
    let (height, width) = (size.height, size.width)
    var rows: [UInt8] = []
    rows.reserveCapacity(pixels.count + height)
    for y in 0..<height {
      // No filter.
      rows.append(0)
      for x in 0..<width { for channel in 0..<channels { rows.append(pixels[(channel * height + y) * width + x]) } }
    }
    let header = Self.bytes(UInt32(width)) + Self.bytes(UInt32(height)) + [8, channels == 3 ? 2 : 0, 0, 0, 0]
    return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + Self.chunk("IHDR", header)
      + Self.chunk("IDAT", Self.deflated(rows)) + Self.chunk("IEND", [])
  }

  private static func chunk(_ name: String, _ data: [UInt8]) -> [UInt8] {
    let content = Array(name.utf8) + data
    let checksum = content.withUnsafeBytes(Checksum.crc32)
    return bytes(UInt32(data.count)) + content + bytes(UInt32(truncatingIfNeeded: checksum))
  }

  private static func bytes(_ number: UInt32) -> [UInt8] { withUnsafeBytes(of: number.bigEndian, Array.init) }

  private static func deflated(_ bytes: [UInt8]) -> [UInt8] {
    let room = Int(compressBound(uLong(bytes.count)))
    return [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
      var length = uLongf(room)
      // Within that bound it can't fail but for lack of memory; an empty stream is then no picture.
      let code = compress2(buffer.baseAddress, &length, bytes, uLong(bytes.count), 9)
      count = code == Z_OK ? Int(length) : 0
    }
  }
}
