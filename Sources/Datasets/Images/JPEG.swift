import CJPEG
import Glibc

/// JPEG files in memory. The same bytes are the same pixels: those of libjpeg's exact transform ("islow"), colours smoothed.
enum JPEG {
  /// Whether a file of so many bytes can hold so many numbers. Of a progressive one libjpeg makes room for all coefficients before it
  /// has read the first. A picture of one colour takes a 170th of its size, real ones a tenth.
  static func isBelieved(_ numbers: Int, stored bytes: Int) -> Bool { numbers <= (64 << 20) + 200 * bytes }

  /// Bytes that `decode` needs to work in.
  static func room(width: Int) -> Int { max(cjpeg_room(UInt32(width)), 1) }

  /// Decodes an image of the given size to `[channels, height, width]`. Grey and CMYK become colour, colour becomes grey, where that is
  /// wanted.
  /// - Parameters:
  ///   - place: what messages call the image.
  ///   - room: as much as `room(width:)` says.
  /// - Throws: `InputError` for what is no JPEG file, corrupt, truncated, or of another size.
  static func decode(
    _ bytes: UnsafeRawBufferPointer, _ size: ImageSize, channels: Int, into planes: UnsafeMutablePointer<UInt8>,
    room: UnsafeMutablePointer<UInt8>, _ place: () -> String
  ) throws {
    guard isBelieved(size.height * size.width * channels, stored: bytes.count) else {
      throw InputError(place(), "truncated JPEG: \(size) pixels can't be in \(bytes.count) bytes")
    }
    var file = cjpeg_file()
    (file.bytes, file.count) = (bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
    let outcome = cjpeg_decode_planes(&file, UInt32(size.height), UInt32(size.width), Int32(channels), planes, room)
    if outcome == 0 { return }
    guard outcome == 2 else {
      throw InputError(place(), "corrupt or truncated JPEG (\(ImageFile.text(&file.message)))")
    }
    let found = ImageSize(Int(file.height), Int(file.width))
    guard found == size else { throw InputError(place(), "has \(found) pixels, expected \(size) as all images have") }
    let picture = try ImageFile.picture(Array(bytes), place()).converted(channels: channels)
    picture.pixels.withUnsafeBufferPointer { pixels in
      if let start = pixels.baseAddress { planes.update(from: start, count: pixels.count) }
    }
  }

  /// The file of a picture, at a quality of 1…100.
  static func encode(_ picture: Picture, quality: Int, _ place: String) throws -> [UInt8] {
    var file = cjpeg_file()
    (file.height, file.width) = (UInt32(picture.size.height), UInt32(picture.size.width))
    file.channels = Int32(picture.channels)
    var (bytes, count): (UnsafeMutablePointer<UInt8>?, UInt) = (nil, 0)
    let outcome = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: picture.size.width * picture.channels) {
      row in
      picture.pixels.withUnsafeBufferPointer {
        cjpeg_encode(&file, $0.baseAddress, Int32(quality), row.baseAddress, &bytes, &count)
      }
    }
    defer { free(bytes) }
    guard outcome == 0, let bytes else {
      throw InputError(place, "can't become a JPEG (\(ImageFile.text(&file.message)))")
    }
    return Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
  }
}
