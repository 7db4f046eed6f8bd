import Lockstep
import Testing

/// Small square images of ten classes; class c is brighter in the c-th tenth of the pixels.
func smallImages(_ count: Int, side: Int = 8, seed: UInt64 = 1) -> ImageSplit {
  var numbers = SeededNumbers(seed)
  let pixels = side * side
  let labels = (0..<count).map { _ in Int32.random(in: 0..<10, using: &numbers) }
  var images = [UInt8](repeating: 0, count: count * pixels)
  for (row, label) in labels.enumerated() {
    for i in 0..<pixels {
      let isBright = i * 10 / pixels == Int(label)
      images[row * pixels + i] = UInt8.random(in: 0..<60, using: &numbers) + (isBright ? 180 : 0)
    }
  }
  return ImageSplit(images: images, labels: labels, channels: 1, height: side, width: side)
}

/// A network for images of 8×8 that trains in no time, with dropout if asked for.
func smallNetwork(dropout: Double = 0) -> Sequential {
  Sequential(Flatten(), Linear(64, 16), ReLU(), Dropout(dropout), Linear(16, 10))
}

func smallConfiguration(epochs: Int = 2, batchSize: Int = 16, learningRate: Double = 0.1) -> Configuration {
  Configuration(model: "small", epochs: epochs, batchSize: batchSize, learningRate: learningRate, seed: 7)
}

/// The bits of a float's neighbourhood don't matter: equal bits or not.
func bits(_ tensor: Tensor) throws -> [UInt32] { try tensor.floats().map(\.bitPattern) }

func digest(_ model: Module) throws -> String { try Checkpoint.digest(model.state) }

/// Parameters that differ by rounding at the most.
func expectClose(_ found: Module, _ wanted: Module, relative: Float = 1e-4) throws {
  for (a, b) in zip(found.namedParameters, wanted.namedParameters) {
    let (x, y) = (try a.tensor.floats(), try b.tensor.floats())
    let norm = y.reduce(0) { $0 + $1 * $1 }.squareRoot()
    let difference = zip(x, y).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
    #expect(difference <= relative * norm, "\(a.name): \(difference) of \(norm)")
  }
}

/// Small images of which some samples are no number, so that neither are the losses of their steps.
struct PoisonedImages: Dataset {
  private let images = ImageDataset(smallImages(100))
  private let samples: Set<Int>
  var count: Int { images.count }

  init(_ samples: Set<Int>) { self.samples = samples }

  func batch(_ wanted: [Int]) throws -> Batch {
    let batch = try images.batch(wanted)
    for (row, sample) in wanted.enumerated() where samples.contains(sample) {
      try batch.inputs.withFloats { $0[row * 64] = .nan }
    }
    return batch
  }

  /// The step of the first epoch, from 1, in which a sample is, by `poisonedConfiguration`.
  static func step(of sample: Int) throws -> Int {
    let place = Sampler(sampleCount: 100, batchSize: 16, seed: 7).order(epoch: 0).samples.firstIndex(of: sample)
    return (place ?? 0) / 16 + 1
  }
}

/// With batch normalisation and dropout beside the layers with parameters.
func normalizedNetwork() -> Sequential {
  Sequential(Flatten(), Linear(64, 16), BatchNorm1D(16), ReLU(), Dropout(0.2), Linear(16, 10))
}

func poisonedConfiguration(
  _ optimizer: Configuration.OptimizerName = .adam, _ onNan: OnNan = .skip
) -> Configuration {
  var result = smallConfiguration(learningRate: 0.01)
  (result.optimizer, result.onNan, result.reproducible, result.virtualShards) = (optimizer, onNan, true, 4)
  return result
}
