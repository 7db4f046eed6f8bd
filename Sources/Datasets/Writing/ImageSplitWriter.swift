import HDF5Files

/// Writes a split of images and their classes as they come, in any pieces.
final class ImageSplitWriter {
  let name: String
  private let file: HDF5File
  private let channels: Int
  private let size: ImageSize
  private let images: Images
  /// nil where nobody knows the classes.
  private let labels: ArrayWriter<Int32>?
  private let chunkRows: Int

  private enum Images {
    case pixels(ArrayWriter<UInt8>)
    case encoded(EncodedWriter)
  }

  /// Images that have come.
  var imageCount: Int {
    switch images {
    case .pixels(let writer): writer.count
    case .encoded(let writer): writer.count
    }
  }

  /// - Parameters:
  ///   - count: of images that will come at most.
  ///   - encoding: how they are kept as JPEG files; nil for pixels.
  init(
    _ file: HDF5File, _ name: String, channels: Int, height: Int, width: Int, count: Int, isLabelled: Bool = true,
    _ storage: ArrayStorage, encoding: JPEGStorage? = nil
  ) throws {
    (self.file, self.name, self.channels, size) = (file, name, channels, ImageSize(height, width))
    if let encoding {
      chunkRows = max(1, min(Self.encodedChunkRows, count))
      images = .encoded(try EncodedWriter(file, name, channels: channels, size, count: count, encoding))
    } else {
      chunkRows = try storage.rows(rowBytes: max(channels * height * width, 8), count: count, file.path)
      images = .pixels(
        ArrayWriter(
          file, name, "images", rowShape: [channels, height, width], count: count, chunkRows: chunkRows, storage))
    }
    // The type that PyTorch's losses take.
    labels =
      isLabelled
      ? ArrayWriter(file, name, "labels", rowShape: [], count: count, storedAs: .int64, chunkRows: chunkRows, storage)
      : nil
  }

  /// Of labels, beside images that are read a few at a time.
  private static let encodedChunkRows = 1024

  /// Any number of images' pixels, or else one JPEG file.
  func append(images bytes: UnsafeBufferPointer<UInt8>) throws {
    switch images {
    case .pixels(let writer): try writer.append(bytes)
    case .encoded(let writer): try writer.append(bytes)
    }
  }
  func append(images bytes: [UInt8]) throws { try bytes.withUnsafeBufferPointer { try append(images: $0) } }
  func append(labels classes: [Int32]) throws { try labels?.append(classes) }

  /// Writes what is left, and the images' names where they are known. Gives the digest of the split, which of pixels is that of
  /// an `ImageSplit` of the same images.
  func finish(names: [String]? = nil) throws -> String {
    let count = imageCount
    let bytes =
      switch images {
      case .pixels(let writer): try writer.finish()
      case .encoded(let writer): try writer.finish()
      }
    let classes: UInt
    if let labels {
      precondition(labels.count == count, "\(count) images and \(labels.count) labels")
      classes = try labels.finish()
    } else {
      classes = Checksum.ofZeros(count * MemoryLayout<Int32>.stride)
    }
    if let names { try file.writeStrings(names, to: "/\(name)/names") }
    switch images {
    case .pixels:
      return ImageSplit.digest(count: count, channels, size.height, size.width, pixels: bytes, labels: classes)
    case .encoded:
      return EncodedImages.digest(count: count, size, channels: channels, images: bytes, labels: classes)
    }
  }
}
