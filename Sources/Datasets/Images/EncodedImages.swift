import HDF5Files

/// The images of a split that lie in a file as JPEG files, `/train/encoded`: lists of bytes `[n]`, with the attributes `height`,
/// `width` and `channels`, or else as the first image has them. They are decoded when they are read.
///
/// `/train/digests/encoded` has a CRC-32 of each, where Lockstep wrote the file.
struct EncodedImages: Sendable {
  static let array = "encoded"
  /// What the file says of how the images were made: a number, or "keep".
  let quality: String?
  let count: Int
  let size: ImageSize
  let channels: Int
  private let lists: HDF5ByteLists
  /// By sample.
  private let digests: ChunkDigests?
  private let place: String

  init(_ file: HDF5File, _ split: String) throws {
    let object = "/\(split)/\(Self.array)"
    place = "\(file.path): \(object)"
    lists = try file.byteLists(of: object)
    count = lists.count
    func number(_ name: String) throws -> Int? {
      switch try file.attribute(name, of: object) {
      case .int(let number): Int(exactly: number)
      case .ints(let numbers) where numbers.count == 1: Int(exactly: numbers[0])
      default: nil
      }
    }
    if let height = try number("height"), let width = try number("width"), let channels = try number("channels") {
      (size, self.channels) = (ImageSize(height, width), channels)
    } else {
      (size, self.channels) = try Self.header(ofFirst: lists, place)
    }
    guard size.height > 0, size.width > 0, channels == 1 || channels == 3,
      !size.height.multipliedReportingOverflow(by: size.width).overflow,
      size.height * size.width <= ImageFile.mostPixels
    else { throw InputError(place, "says that images have \(channels)×\(size) pixels") }
    if case .string(let quality)? = try file.attribute("quality", of: object) {
      self.quality = quality
    } else {
      quality = nil
    }
    digests = try ChunkDigests.read(file, split, Self.array)
    guard digests?.rows ?? 1 == 1 else { throw InputError(place, "expected a digest of each image") }
  }

  private static func header(ofFirst lists: HDF5ByteLists, _ place: String) throws -> (ImageSize, Int) {
    var header: (ImageSize, Int)?
    try lists.forEach(in: 0..<min(1, lists.count)) { sample, bytes in
      header = try ImageFile.header(of: Array(bytes), "\(place): sample \(sample)")
    }
    guard let header else { throw InputError(place, "has no image that would say its size") }
    return header
  }

  var imageBytes: Int { channels * size.height * size.width }

  /// Bytes of all files.
  func storedBytes() throws -> Int {
    try stride(from: 0, to: count, by: 1 << 16).reduce(0) { sum, start in
      try lists.lengths(start..<min(start + 1 << 16, count)).reduce(sum, +)
    }
  }

  /// Reads some images, holds them against their digests, and decodes them to `[samples, channels, height, width]`.
  /// - Throws: `InputError` with the number of the first that can't be decoded.
  func read(_ samples: Range<Int>, into pixels: UnsafeMutablePointer<UInt8>) throws {
    let room = UnsafeMutablePointer<UInt8>.allocate(capacity: JPEG.room(width: size.width))
    defer { room.deallocate() }
    try lists.forEach(in: samples) { sample, bytes in
      try check(sample, bytes)
      let target = pixels + (sample - samples.lowerBound) * imageBytes
      try JPEG.decode(bytes, size, channels: channels, into: target, room: room) { "\(place): sample \(sample)" }
    }
  }

  private func check(_ sample: Int, _ bytes: UnsafeRawBufferPointer) throws {
    guard let digests, ChunkDigests.value(bytes) != digests.values[sample] else { return }
    throw InputError("\(place): sample \(sample)", "differs from its digest: the file was changed or is damaged")
  }

  /// What the digests of all images come to, where the file has them.
  var knownChecksum: UInt? { digests.map(Self.checksum) }

  /// The same; all images are read where it has none.
  func checksum() throws -> UInt {
    if let knownChecksum { return knownChecksum }
    var digests = ChunkDigests(rows: 1, of: .uint8)
    try lists.forEach(in: 0..<count) { digests.append($1) }
    return Self.checksum(of: digests)
  }

  static func checksum(of digests: ChunkDigests) -> UInt { digests.values.withUnsafeBytes(Checksum.crc32) }

  /// A digest (`sha256:<hex>`) of a split of such images, from CRC-32s of all digests and of all labels. It is none of the pixels,
  /// so that nobody needs to decode them.
  func digest(images: UInt, labels: UInt) -> String {
    Self.digest(count: count, size, channels: channels, images: images, labels: labels)
  }

  static func digest(count: Int, _ size: ImageSize, channels: Int, images: UInt, labels: UInt) -> String {
    var hash = SHA256()
    hash.update("encoded \(count) \(channels) \(size.height) \(size.width) \(images) \(labels)")
    return hash.digest
  }
}
