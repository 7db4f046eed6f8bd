import HDF5Files

/// Writes a split of images and their classes as they come, in any pieces.
final class ImageSplitWriter {
  let name: String
  private let file: HDF5File
  private let shape: (channels: Int, height: Int, width: Int)
  private let images: ArrayWriter<UInt8>
  /// nil where nobody knows the classes.
  private let labels: ArrayWriter<Int32>?
  private let chunkRows: Int

  /// Images that have come.
  var imageCount: Int { images.count }

  /// - Parameter count: of images that will come at most.
  init(
    _ file: HDF5File, _ name: String, channels: Int, height: Int, width: Int, count: Int, isLabelled: Bool = true,
    _ storage: ArrayStorage
  ) throws {
    (self.file, self.name, shape) = (file, name, (channels, height, width))
    chunkRows = try storage.rows(rowBytes: max(channels * height * width, 8), count: count, file.path)
    images = ArrayWriter(
      file, name, "images", rowShape: [channels, height, width], count: count, chunkRows: chunkRows, storage)
    // The type that PyTorch's losses take.
    labels =
      isLabelled
      ? ArrayWriter(file, name, "labels", rowShape: [], count: count, storedAs: .int64, chunkRows: chunkRows, storage)
      : nil
  }

  func append(images pixels: UnsafeBufferPointer<UInt8>) throws { try images.append(pixels) }
  func append(images pixels: [UInt8]) throws { try images.append(pixels) }
  func append(labels classes: [Int32]) throws { try labels?.append(classes) }

  /// Writes what is left, and the images' names where they are known. Gives the digest of the split, which is that of an
  /// `ImageSplit` of the same images.
  func finish(names: [String]? = nil) throws -> String {
    let count = imageCount
    let pixels = try images.finish()
    let classes: UInt
    if let labels {
      precondition(labels.count == count, "\(count) images and \(labels.count) labels")
      classes = try labels.finish()
    } else {
      classes = Checksum.ofZeros(count * MemoryLayout<Int32>.stride)
    }
    if let names { try file.writeStrings(names, to: "/\(name)/names") }
    return ImageSplit.digest(
      count: count, shape.channels, shape.height, shape.width, pixels: pixels, labels: classes)
  }
}
