import HDF5Files
import Synchronization

/// Decoding.
extension ImageFolderConverter {
  /// The images of some of the files.
  public struct Share: Sendable {
    /// Pixels `[kept, channels, height, width]`, or JPEG files one behind the other.
    public var images: [UInt8] = []
    /// Bytes of each in there.
    public var lengths: [Int64] = []
    /// For each file of the part whether it was read: 1, or left out: 0.
    public var kept: [UInt8] = []
    /// The SHA-256 digest of each file that was kept, a line of 64 hexadecimal digits.
    public var digests: [UInt8] = []

    /// Nothing yet.
    public init() {}
    /// What another rank has decoded, put together from its messages.
    public init(images: [UInt8], lengths: [Int64], kept: [UInt8], digests: [UInt8]) {
      (self.images, self.lengths, self.kept, self.digests) = (images, lengths, kept, digests)
    }
  }

  /// Decodes some of the files on several threads, resized to `size`.
  ///
  /// - Parameters:
  ///   - part: positions in the plan.
  ///   - size: of every image, in pixels.
  ///   - channels: 1 for grey, 3 for colour.
  ///   - skipsCorrupt: leaves out what can't be read.
  ///   - threads: 1 at least.
  ///   - progress: is told how many files are done, on any thread.
  /// - Throws: the error of the first file that can't be read.
  public func decode(
    _ part: Range<Int>, _ size: ImageSize, channels: Int, skipsCorrupt: Bool, threads: Int,
    progress: @escaping @Sendable (Int) -> Void
  ) throws -> Share {
    let results = Mutex([(image: [UInt8], digest: [UInt8])?](repeating: nil, count: part.count))
    let done = Atomic<Int>(0)
    try Parallel.forEach(part.count, threads: threads) { index in
      do {
        let result = try image(at: items[part.lowerBound + index].entry.path, size, channels)
        results.withLock { $0[index] = result }
      } catch  where skipsCorrupt {}
      progress(done.add(1, ordering: .relaxed).newValue)
    }
    var share = Share()
    for result in results.withLock({ $0 }) {
      share.kept.append(result == nil ? 0 : 1)
      guard let result else { continue }
      share.images += result.image
      share.lengths.append(Int64(result.image.count))
      share.digests += result.digest
    }
    return share
  }

  /// The pixels of a file, or the JPEG file that is made of it, and its own digest.
  private func image(
    at path: String, _ size: ImageSize, _ channels: Int
  ) throws -> (image: [UInt8], digest: [UInt8]) {
    let bytes = try InputFile.bytes(of: path)
    var hash = SHA256()
    hash.update(bytes)
    let picture = try ImageFile.picture(bytes, path)
    let fitted = picture.converted(channels: channels).resized(to: size)
    // A file that changed after its header was read.
    guard fitted.pixels.count == channels * size.height * size.width else {
      throw InputError(path, "changed while it was read")
    }
    let image = try options.encoding?.file(of: fitted, from: bytes, picture, path) ?? fitted.pixels
    return (image, Array("\(hash.hexadecimal)\n".utf8))
  }

  /// What a conversion has written.
  public struct Summary: Sendable, Equatable {
    /// Pictures of the training split.
    public let trainCount: Int
    /// Pictures of the test split.
    public let testCount: Int
    /// Whether the test split's classes are known.
    public let isTestLabelled: Bool
    /// Colours of a pixel: 1 for grey, 3 for RGB.
    public let channels: Int
    /// Height and width of all pictures.
    public let size: ImageSize
    /// Corrupt files that were left out.
    public let skipped: Int
  }
}
