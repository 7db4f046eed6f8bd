import HDF5Files

/// Images and their classes, whole in memory.
public struct ImageSplit: Sendable, Equatable {
  /// Pixels 0…255, `[count, channels, height, width]` in row-major order.
  public let images: [UInt8]
  /// The class of each image; 0 where `isLabelled` is false.
  public let labels: [Int32]
  /// Whether anybody knows the classes: not so for images that are to be predicted.
  public let isLabelled: Bool
  /// Colours of a pixel: 1 for grey, 3 for RGB.
  public let channels: Int
  /// Pixels.
  public let height: Int
  /// Pixels.
  public let width: Int

  /// `images` must hold `labels.count` images.
  public init(
    images: [UInt8], labels: [Int32], channels: Int, height: Int, width: Int, isLabelled: Bool = true
  ) {
    precondition(images.count == labels.count * channels * height * width, "images and labels differ in count")
    self.images = images
    self.labels = labels
    self.isLabelled = isLabelled
    self.channels = channels
    self.height = height
    self.width = width
  }

  /// How many images there are.
  public var count: Int { labels.count }
  /// Pixels of one image, all channels together.
  public var imageBytes: Int { channels * height * width }

  /// A digest (`sha256:<hex>`) of shape, pixels and labels, to compare what ranks have loaded.
  ///
  /// Pixels and labels enter by their CRC-32, some twenty times faster: proof against accidents, not against malice.
  public var digest: String {
    let pixels = images.withUnsafeBytes(Checksum.crc32)
    let classes = labels.withUnsafeBytes(Checksum.crc32)
    return Self.digest(count: count, channels, height, width, pixels: pixels, labels: classes)
  }

  /// The same of CRC-32s that are known already.
  static func digest(
    count: Int, _ channels: Int, _ height: Int, _ width: Int, pixels: UInt, labels: UInt
  ) -> String {
    var hash = SHA256()
    hash.update("\(count) \(channels) \(height) \(width) \(pixels) \(labels)")
    return hash.digest
  }
}
