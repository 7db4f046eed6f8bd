import Dispatch
import HDF5Files
import Synchronization

/// Decoding.
extension ImageFolderConverter {
  /// The images of some of the files.
  public struct Share: Sendable {
    /// Pixels `[kept, channels, height, width]`.
    public var pixels: [UInt8] = []
    /// For each file of the part whether it was read: 1, or left out: 0.
    public var kept: [UInt8] = []
    /// The SHA-256 digest of each file that was kept, a line of 64 hexadecimal digits.
    public var digests: [UInt8] = []

    /// Nothing yet.
    public init() {}
    /// What another rank has decoded, put together from its messages.
    public init(pixels: [UInt8], kept: [UInt8], digests: [UInt8]) {
      (self.pixels, self.kept, self.digests) = (pixels, kept, digests)
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
    let results = Mutex([Result<(pixels: [UInt8], digest: [UInt8]), any Error>?](repeating: nil, count: part.count))
    let next = Atomic<Int>(0)
    let done = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: max(threads, 1)) { _ in
      while true {
        let index = next.add(1, ordering: .relaxed).oldValue
        guard index < part.count else { return }
        let path = items[part.lowerBound + index].entry.path
        let result = Result { try Self.decode(path, size, channels) }
        results.withLock { $0[index] = result }
        progress(done.add(1, ordering: .relaxed).newValue)
      }
    }
    var share = Share()
    share.pixels.reserveCapacity(part.count * channels * size.height * size.width)
    for result in results.withLock({ $0 }) {
      switch result {
      case .success((let pixels, let digest)):
        share.pixels += pixels
        share.digests += digest
        share.kept.append(1)
      case .failure(let error) where !skipsCorrupt: throw error
      default: share.kept.append(0)
      }
    }
    return share
  }

  private static func decode(
    _ path: String, _ size: ImageSize, _ channels: Int
  ) throws -> (pixels: [UInt8], digest: [UInt8]) {
    var digest: [UInt8] = []
    let picture = try ImageFile.read(path) { bytes in
      var hash = SHA256()
      hash.update(bytes)
      digest = Array("\(hash.hexadecimal)\n".utf8)
    }
    let fitted = picture.converted(channels: channels).resized(to: size)
    // A file that changed after its header was read.
    guard fitted.pixels.count == channels * size.height * size.width else {
      throw InputError(path, "changed while it was read")
    }
    return (fitted.pixels, digest)
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
