import Kernels
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
    values = (0..<channels).flatMap { channel in (0..<256).map { transform.normalized(Float($0) / 255, channel) } }
  }

  /// The inputs of a batch, float32 `[batch, channels, height, width]`; `pixels` gives an image by its place in the batch.
  func batch(
    _ samples: [Int], epoch: Int, pixels: (Int) -> UnsafePointer<UInt8>
  ) throws -> Tensor {
    let inputs = Tensor(uninitializedFloats: [samples.count, channels, size.height, size.width])
    let area = size.height * size.width
    let storedCount = channels * stored.height * stored.width
    let scratch = UnsafeMutablePointer<UInt8>.allocate(capacity: resizer.map { channels * area + $0.scratchBytes } ?? 0)
    defer { scratch.deallocate() }
    let places = UnsafeMutablePointer<Int32>.allocate(capacity: transform.augmentation == nil ? 0 : area)
    defer { places.deallocate() }
    try inputs.withFloats { buffer in
      guard var target = buffer.baseAddress else { return }
      for (index, sample) in samples.enumerated() {
        if index + 1 < samples.count { PixelValues.fetch(pixels(index + 1), count: storedCount) }
        let image = resized(pixels(index), scratch)
        if let augmentation = transform.augmentation {
          let change = augmentation.draw(seed: transform.seed, epoch: epoch, sample: sample)
          change.places(size, into: places)
          convert(image, change, places, into: target)
        } else {
          for channel in 0..<channels { convert(image + channel * area, channel, into: target + channel * area) }
        }
        target += channels * area
      }
    }
    return inputs
  }

  /// An image in the results' size: as it lies or, of another size, in `scratch`.
  private func resized(
    _ image: UnsafePointer<UInt8>, _ scratch: UnsafeMutablePointer<UInt8>
  ) -> UnsafePointer<UInt8> {
    guard let resizer else { return image }
    let area = size.height * size.width
    for channel in 0..<channels {
      let plane = image + channel * stored.height * stored.width
      resizer.resize(plane, into: scratch + channel * area, scratch: scratch + channels * area)
    }
    return UnsafePointer(scratch)
  }

  /// Turns a channel of an image into floats.
  private func convert(_ plane: UnsafePointer<UInt8>, _ channel: Int, into target: UnsafeMutablePointer<Float>) {
    let count = size.height * size.width
    if transform.normalization == nil {
      PixelValues.fill(target, of: plane, count: count)
    } else {
      values.withUnsafeBufferPointer { all in
        let values = UnsafeBufferPointer(rebasing: all[channel * 256..<(channel + 1) * 256])
        for i in 0..<count { target[i] = values[Int(plane[i])] }
      }
    }
  }

  /// Turns an image into floats, its pixels taken from other places and their values changed.
  private func convert(
    _ image: UnsafePointer<UInt8>, _ change: ImageChange, _ places: UnsafePointer<Int32>,
    into target: UnsafeMutablePointer<Float>
  ) {
    let area = size.height * size.width
    let values = change.changesValues ? changed(change, image) : self.values
    values.withUnsafeBufferPointer { values in
      for channel in 0..<channels {
        let (plane, result) = (image + channel * area, target + channel * area)
        // Black is black, however bright the image.
        let black = self.values[channel * 256]
        for i in 0..<area { result[i] = places[i] < 0 ? black : values[channel * 256 + Int(plane[Int(places[i])])] }
      }
    }
  }

  /// What each of the 256 values becomes in an image whose brightness and contrast change.
  private func changed(_ change: ImageChange, _ image: UnsafePointer<UInt8>) -> [Float] {
    let count = channels * size.height * size.width
    let mean = Float((0..<count).reduce(0) { $0 + Int(image[$1]) }) / Float(255 * max(count, 1))
    return (0..<channels).flatMap { channel in
      (0..<256).map { transform.normalized(change.value(Float($0) / 255, mean: mean), channel) }
    }
  }
}
