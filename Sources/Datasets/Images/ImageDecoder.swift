import Tensors

/// Turns stored pixels into a network's input: resized, moved, mirrored, normalised.
struct ImageDecoder: Sendable {
  let channels: Int
  /// Height and width of the results.
  let size: ImageSize
  private let stored: ImageSize
  private let transform: ImageTransform
  private let resizer: ImageResizer?
  /// What each of the 256 values of a pixel becomes, channel by channel.
  private let values: [Float]

  /// - Throws: `TensorError` for a normalisation of another number of channels.
  init(channels: Int, _ stored: ImageSize, _ transform: ImageTransform) throws {
    if let normalization = transform.normalization {
      let counts = [normalization.means.count, normalization.deviations.count]
      guard counts == [channels, channels] else {
        throw TensorError("normalisation", "of \(counts) channels for images of \(channels)")
      }
    }
    self.init(checked: channels, stored, transform)
  }

  /// Without any change.
  init(channels: Int, _ stored: ImageSize) { self.init(checked: channels, stored, ImageTransform()) }

  private init(checked channels: Int, _ stored: ImageSize, _ transform: ImageTransform) {
    (self.channels, self.stored, self.transform) = (channels, stored, transform)
    size = transform.size ?? stored
    resizer = size == stored ? nil : ImageResizer(from: stored, to: size)
    values = (0..<channels).flatMap { channel in
      (0..<256).map { value in
        let pixel = Float(value) / 255
        guard let normalization = transform.normalization else { return pixel }
        return (pixel - normalization.means[channel]) / normalization.deviations[channel]
      }
    }
  }

  /// The inputs of a batch, float32 `[batch, channels, height, width]`; `pixels` gives an image by its place in the batch.
  func batch(
    _ samples: [Int], epoch: Int, pixels: (Int) -> UnsafePointer<UInt8>
  ) throws -> Tensor {
    let inputs = Tensor(uninitializedFloats: [samples.count, channels, size.height, size.width])
    let area = size.height * size.width
    let scratch = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, area + (resizer?.scratchBytes ?? 0)))
    defer { scratch.deallocate() }
    try inputs.withFloats { buffer in
      guard var target = buffer.baseAddress else { return }
      for (index, sample) in samples.enumerated() {
        let image = pixels(index)
        let move = transform.augmentation?.draw(seed: transform.seed, epoch: epoch, sample: sample)
        for channel in 0..<channels {
          var plane = image + channel * stored.height * stored.width
          if let resizer {
            resizer.resize(plane, into: scratch, scratch: scratch + area)
          } else {
            // Shuffled images are in no cache, and a copy asks for all of their lines at once.
            scratch.update(from: plane, count: area)
          }
          plane = UnsafePointer(scratch)
          convert(plane, channel, move, into: target)
          target += area
        }
      }
    }
    return inputs
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
