import Tensors

/// Labelled images in memory. Inputs are float32 `[batch, channels, height, width]`, 0…1 unless a transform normalises
/// them; targets int64 `[batch]`.
public struct ImageDataset: DigestedDataset {
  private let split: ImageSplit
  private let decoder: ImageDecoder

  /// The images as they are: neither resized nor changed.
  public init(_ split: ImageSplit) {
    self.split = split
    decoder = ImageDecoder(channels: split.channels, ImageSize(split.height, split.width))
  }

  /// `transform` is applied to each image when it is loaded; the images in memory stay as they are.
  /// - Throws: `TensorError` for a normalisation of another number of channels.
  public init(_ split: ImageSplit, _ transform: ImageTransform) throws {
    self.split = split
    decoder = try ImageDecoder(channels: split.channels, ImageSize(split.height, split.width), transform)
  }

  public var count: Int { split.count }
  /// `sha256:<hex>`; see `ImageSplit.digest`.
  public var digest: String { split.digest }

  public func batch(_ samples: [Int]) throws -> Batch { try batch(samples, epoch: 0) }

  public func batch(_ samples: [Int], epoch: Int) throws -> Batch {
    if let wrong = samples.first(where: { !(0..<count).contains($0) }) {
      throw TensorError("batch", "sample \(wrong) of \(count)")
    }
    let inputs = try split.images.withUnsafeBufferPointer { images in
      guard let start = images.baseAddress, !samples.isEmpty else {
        return Tensor(uninitializedFloats: [samples.count, decoder.channels, decoder.size.height, decoder.size.width])
      }
      return try decoder.batch(samples, epoch: epoch) { start + samples[$0] * split.imageBytes }
    }
    return Batch(inputs: inputs, targets: Tensor(samples.map { Int64(split.labels[$0]) }), samples: samples)
  }
}
