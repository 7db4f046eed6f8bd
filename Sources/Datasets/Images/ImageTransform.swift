import Tensors

/// What becomes of images between file and network, in this order: resized, changed at random, normalised.
public struct ImageTransform: Sendable, Equatable {
  /// Images of another size are resized to this one.
  public var size: ImageSize?
  /// Nil for evaluation.
  public var augmentation: Augmentation?
  /// Defines the random numbers, with epoch and sample: the same on any number of ranks and after a restart.
  public var seed: UInt64
  /// What is subtracted from the pixels and what they are divided by; nil for neither.
  public var normalization: Normalization?

  /// Nothing changes what is nil. The random changes of a sample depend on seed, epoch and sample alone.
  public init(
    size: ImageSize? = nil, augmentation: Augmentation? = nil, seed: UInt64 = 0, normalization: Normalization? = nil
  ) {
    (self.size, self.augmentation, self.seed, self.normalization) = (size, augmentation, seed, normalization)
  }

  /// A pixel 0…1 of a channel as the network takes it.
  func normalized(_ pixel: Float, _ channel: Int) -> Float {
    guard let normalization else { return pixel }
    return (pixel - normalization.means[channel]) / normalization.deviations[channel]
  }
}

/// `(pixel - mean) / deviation` for each channel, pixels in 0…1.
public struct Normalization: Sendable, Equatable, Codable {
  /// What is subtracted, one for each channel.
  public var means: [Float]
  /// What is divided by, one for each channel.
  public var deviations: [Float]

  /// One number of each for every channel.
  public init(means: [Float], deviations: [Float]) { (self.means, self.deviations) = (means, deviations) }

  /// As the command line's option has it.
  public var text: String {
    [means, deviations].map { $0.map { "\($0)" }.joined(separator: ",") }.joined(separator: ":")
  }

  /// Mean and standard deviation of each channel over all pixels of a split, from exact sums. A channel of one colour
  /// keeps the deviation 1.
  public init(of split: ImageSplit) {
    var counts = PixelCounts(channels: split.channels)
    split.images.withUnsafeBufferPointer { counts.add($0, area: split.height * split.width) }
    self.init(counts)
  }

  init(_ counts: PixelCounts) {
    (means, deviations) = ([], [])
    for histogram in counts.channels {
      let number = Double(max(histogram.reduce(0, +), 1))
      let mean = histogram.enumerated().reduce(0) { $0 + Double($1.offset) * Double($1.element) } / number
      let square = histogram.enumerated().reduce(0) {
        $0 + (Double($1.offset) - mean) * (Double($1.offset) - mean) * Double($1.element)
      }
      let deviation = (square / number).squareRoot()
      means.append(Float(mean / 255))
      deviations.append(deviation > 0 ? Float(deviation / 255) : 1)
    }
  }
}
