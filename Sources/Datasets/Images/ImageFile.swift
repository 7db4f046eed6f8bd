import CJPEG
import CPNG
import HDF5Files

/// An image as PNG and JPEG files hold it: 8 bits a channel.
public struct Picture: Sendable, Equatable {
  /// Height and width in pixels.
  public let size: ImageSize
  /// 1 for grey, 3 for colour.
  public let channels: Int
  /// `[channels, height, width]`
  public let pixels: [UInt8]

  /// The picture in colour or in grey, by the luma of ITU-R 601 as PIL's mode `L` has it.
  public func converted(channels: Int) -> Picture {
    if channels == self.channels { return self }
    if channels == 3 { return Picture(size: size, channels: 3, pixels: pixels + pixels + pixels) }
    let area = size.height * size.width
    let grey = (0..<area).map { i -> UInt8 in
      let luma = Int(pixels[i]) * 19595 + Int(pixels[area + i]) * 38470 + Int(pixels[2 * area + i]) * 7471
      return UInt8(truncatingIfNeeded: (luma + 0x8000) >> 16)
    }
    return Picture(size: size, channels: 1, pixels: grey)
  }

  /// The picture in another size, as Pillow's bilinear filter makes it.
  public func resized(to target: ImageSize) -> Picture {
    if target == size { return self }
    let resized = ImageResizer(from: size, to: target).resize(pixels, channels: channels)
    return Picture(size: target, channels: channels, pixels: resized)
  }
}

/// Reads PNG and JPEG files, told apart by their first bytes.
///
/// Pixels are those of PIL's `Image.open(path).convert(…)`: no colour profile is applied, transparency is left out, 16 bits
/// are cut to 8, an orientation in EXIF data is not followed.
public enum ImageFile {
  /// Beyond this many pixels a header is not believed: 100 megapixels, 300 MB of colour.
  public static let mostPixels = 100_000_000

  /// What a header says: the image's size and its channels, 1 for grey and 3 for colour.
  /// - Throws: as `read` does.
  public static func header(_ path: String) throws -> (size: ImageSize, channels: Int) {
    try header(of: InputFile.bytes(of: path), path)
  }

  /// The same of an image in memory, which messages call `place`.
  static func header(of bytes: [UInt8], _ place: String) throws -> (size: ImageSize, channels: Int) {
    let (size, channels, _) = try decode(bytes, place) { _, _ in nil }
    return (size, min(channels, 3))
  }

  /// Decodes the whole image at `path`.
  /// - Throws: `FileError` when the file is missing or unreadable; `InputError` when it is no PNG or JPEG, corrupt,
  ///   truncated or absurdly large.
  public static func read(_ path: String) throws -> Picture { try picture(InputFile.bytes(of: path), path) }

  /// Decodes an image in memory, which messages call `place`.
  static func picture(_ bytes: [UInt8], _ place: String) throws -> Picture {
    let (size, channels, pixels) = try decode(bytes, place) { size, channels in
      UnsafeMutablePointer<UInt8>.allocate(capacity: size.height * size.width * channels)
    }
    guard let pixels else { throw InputError(place, "holds no pixels") }
    defer { pixels.deallocate() }
    return planar(UnsafePointer(pixels), size, channels)
  }

  static func isJPEG(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0xFF, 0xD8, 0xFF]) }

  private typealias Allocation = (ImageSize, Int) -> UnsafeMutablePointer<UInt8>?

  private static func decode(
    _ bytes: [UInt8], _ path: String, _ allocate: Allocation
  ) throws -> (ImageSize, Int, UnsafeMutablePointer<UInt8>?) {
    if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return try png(bytes, path, allocate) }
    if isJPEG(bytes) { return try jpeg(bytes, path, allocate) }
    throw InputError(
      path, bytes.isEmpty ? "is empty, expected a PNG or JPEG image" : "is neither a PNG nor a JPEG image")
  }

  private static func png(
    _ bytes: [UInt8], _ path: String, _ allocate: Allocation
  ) throws -> (ImageSize, Int, UnsafeMutablePointer<UInt8>?) {
    try bytes.withUnsafeBufferPointer { buffer in
      var file = cpng_file()
      (file.bytes, file.count) = (buffer.baseAddress, buffer.count)
      func run(_ pixels: UnsafeMutablePointer<UInt8>?) throws {
        guard cpng_decode(&file, pixels) == 0 else {
          throw InputError(path, "corrupt or truncated PNG (\(text(&file.message)))")
        }
      }
      try run(nil)
      let size = try checked(Int(file.height), Int(file.width), path)
      // Deflate can't shrink by more than 1032 (zlib.net/zlib_tech.html).
      guard file.stored_bytes / 1032 <= UInt64(bytes.count) else {
        throw InputError(path, "truncated PNG: \(size) pixels can't be in \(bytes.count) bytes")
      }
      let pixels = try filled(allocate(size, Int(file.channels)), run)
      return (size, Int(file.channels), pixels)
    }
  }

  private static func jpeg(
    _ bytes: [UInt8], _ path: String, _ allocate: Allocation
  ) throws -> (ImageSize, Int, UnsafeMutablePointer<UInt8>?) {
    try bytes.withUnsafeBufferPointer { buffer in
      var file = cjpeg_file()
      (file.bytes, file.count) = (buffer.baseAddress, buffer.count)
      func run(_ pixels: UnsafeMutablePointer<UInt8>?) throws {
        guard cjpeg_decode(&file, pixels) == 0 else {
          throw InputError(path, "corrupt or truncated JPEG (\(text(&file.message)))")
        }
      }
      try run(nil)
      let size = try checked(Int(file.height), Int(file.width), path)
      guard JPEG.isBelieved(size.height * size.width * Int(file.channels), stored: bytes.count) else {
        throw InputError(path, "truncated JPEG: \(size) pixels can't be in \(bytes.count) bytes")
      }
      let pixels = try filled(allocate(size, Int(file.channels)), run)
      if file.channels == 4, let pixels { toColour(pixels, size) }
      return (size, Int(file.channels), pixels)
    }
  }

  /// The pixels after `decode` has written them; given back where it fails.
  private static func filled(
    _ pixels: UnsafeMutablePointer<UInt8>?, _ decode: (UnsafeMutablePointer<UInt8>?) throws -> Void
  ) throws -> UnsafeMutablePointer<UInt8>? {
    do { if let pixels { try decode(pixels) } } catch {
      pixels?.deallocate()
      throw error
    }
    return pixels
  }

  private static func checked(_ height: Int, _ width: Int, _ path: String) throws -> ImageSize {
    let (count, overflow) = height.multipliedReportingOverflow(by: width)
    guard height > 0, width > 0, !overflow, count <= mostPixels else {
      throw InputError(path, "declares \(height)×\(width) pixels, expected 1 to \(mostPixels) in all")
    }
    return ImageSize(height, width)
  }

  static func text<Characters>(_ message: inout Characters) -> String {
    withUnsafeBytes(of: &message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }

  /// CMYK to RGB in the first three of each pixel's four bytes, as Pillow does it: stored
  /// inverted, the custom of Adobe's programs.
  private static func toColour(_ pixels: UnsafeMutablePointer<UInt8>, _ size: ImageSize) {
    for i in 0..<size.height * size.width {
      let pixel = pixels + 4 * i
      let white = Int(pixel[3])
      for channel in 0..<3 {
        let product = (255 - Int(pixel[channel])) * white + 128
        pixel[channel] = UInt8(clamping: white - ((product >> 8) + product) >> 8)
      }
    }
  }

  /// `[height, width, channels]` to `[channels, height, width]`; of CMYK's four channels the first three.
  private static func planar(_ pixels: UnsafePointer<UInt8>, _ size: ImageSize, _ channels: Int) -> Picture {
    let area = size.height * size.width
    let kept = min(channels, 3)
    let planes = [UInt8](unsafeUninitializedCapacity: area * kept) { target, count in
      for channel in 0..<kept {
        for i in 0..<area { target[channel * area + i] = pixels[i * channels + channel] }
      }
      count = area * kept
    }
    return Picture(size: size, channels: kept, pixels: planes)
  }
}
