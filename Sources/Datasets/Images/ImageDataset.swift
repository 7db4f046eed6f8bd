import Tensors

/// Labelled images in memory. Inputs are float32 `[batch, channels, height, width]`, 0…1 unless a transform normalises
/// them; targets int64 `[batch]`.
public struct ImageDataset: DigestedDataset {
  private let split: ImageSplit
  private let transform: ImageTransform
  private let size: ImageSize
  private let resizer: ImageResizer?
  /// What each of the 256 values of a pixel becomes, channel by channel.
  private let values: [Float]

  /// The images as they are: neither resized nor changed.
  public init(_ split: ImageSplit) { self.init(checked: split, ImageTransform()) }

  /// `transform` is applied to each image when it is loaded; the images in memory stay as they are.
  /// - Throws: `TensorError` for a normalisation of another number of channels.
  public init(_ split: ImageSplit, _ transform: ImageTransform) throws {
    if let normalization = transform.normalization {
      let counts = [normalization.means.count, normalization.deviations.count]
      guard counts == [split.channels, split.channels] else {
        throw TensorError("normalisation", "of \(counts) channels for images of \(split.channels)")
      }
    }
    self.init(checked: split, transform)
  }

  private init(checked split: ImageSplit, _ transform: ImageTransform) {
    (self.split, self.transform) = (split, transform)
    let stored = ImageSize(split.height, split.width)
    size = transform.size ?? stored
    resizer = size == stored ? nil : ImageResizer(from: stored, to: size)
    values = (0..<split.channels).flatMap { channel in
      (0..<256).map { value in
        let pixel = Float(value) / 255
        guard let normalization = transform.normalization else { return pixel }
        return (pixel - normalization.means[channel]) / normalization.deviations[channel]
      }
    }
  }

  public var count: Int { split.count }
  /// `sha256:<hex>`; see `ImageSplit.digest`.
  public var digest: String { split.digest }

  public func batch(_ samples: [Int]) throws -> Batch { try batch(samples, epoch: 0) }

  public func batch(_ samples: [Int], epoch: Int) throws -> Batch {
    if let wrong = samples.first(where: { !(0..<count).contains($0) }) {
      throw TensorError("batch", "sample \(wrong) of \(count)")
    }
    let inputs = Tensor(uninitializedFloats: [samples.count, split.channels, size.height, size.width])
    let area = size.height * size.width
    let scratch = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, area + (resizer?.scratchBytes ?? 0)))
    defer { scratch.deallocate() }
    try inputs.withFloats { pixels in
      guard var target = pixels.baseAddress else { return }
      split.images.withUnsafeBufferPointer { images in
        guard let images = images.baseAddress else { return }
        for sample in samples {
          let move = transform.augmentation?.draw(seed: transform.seed, epoch: epoch, sample: sample)
          for channel in 0..<split.channels {
            var plane = images + (sample * split.channels + channel) * split.height * split.width
            if let resizer {
              resizer.resize(plane, into: scratch, scratch: scratch + area)
              plane = UnsafePointer(scratch)
            }
            convert(plane, channel, move, into: target)
            target += area
          }
        }
      }
    }
    return Batch(inputs: inputs, targets: Tensor(samples.map { Int64(split.labels[$0]) }), samples: samples)
  }

  /// Turns a channel of an image into floats, moved and mirrored.
  private func convert(
    _ plane: UnsafePointer<UInt8>, _ channel: Int, _ move: (down: Int, right: Int, isFlipped: Bool)?,
    into target: UnsafeMutablePointer<Float>
  ) {
    values.withUnsafeBufferPointer { all in
      let values = UnsafeBufferPointer(rebasing: all[channel * 256..<(channel + 1) * 256])
      guard let move else {
        let count = size.height * size.width
        if transform.normalization == nil {
          // The compiler turns this into vector instructions.
          for i in 0..<count { target[i] = Float(plane[i]) / 255 }
        } else {
          for i in 0..<count { target[i] = values[Int(plane[i])] }
        }
        return
      }
      for y in 0..<size.height {
        let row = target + y * size.width
        let from = y + move.down
        for x in 0..<size.width {
          let column = (move.isFlipped ? size.width - 1 - x : x) + move.right
          let isInside = 0..<size.height ~= from && 0..<size.width ~= column
          row[x] = values[isInside ? Int(plane[from * size.width + column]) : 0]
        }
      }
    }
  }
}
