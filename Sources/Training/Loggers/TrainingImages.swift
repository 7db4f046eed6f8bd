import Datasets
import Tensors

extension Picture {
  /// The first images of a data set side by side, as an epoch's training sees them; nil for what are no images.
  public init?(firstOf dataset: any Dataset, _ configuration: Configuration, count: Int = 16) {
    let samples = Array(0..<min(count, dataset.count))
    guard let inputs = try? dataset.batch(samples, epoch: 0).inputs, inputs.rank == 4, let values = try? inputs.floats()
    else { return nil }
    self.init(grid: Self.pictures(values, inputs.shape, configuration.normalization), columns: 8)
  }

  /// Images as a network takes them, one picture each; none for what has neither 1 channel nor 3.
  public static func pictures(_ values: [Float], _ shape: Shape, _ normalization: Normalization?) -> [Picture] {
    guard shape.rank == 4 else { return [] }
    let (channels, size) = (shape[1], ImageSize(shape[2], shape[3]))
    let area = size.height * size.width
    let isNormalized = normalization?.means.count == channels && normalization?.deviations.count == channels
    return (0..<shape[0]).compactMap { image in
      let pixels = (0..<channels * area).map { place -> Float in
        let value = values[image * channels * area + place]
        guard isNormalized, let normalization else { return value }
        return value * normalization.deviations[place / area] + normalization.means[place / area]
      }
      return Picture(pixels, channels: channels, size)
    }
  }
}
