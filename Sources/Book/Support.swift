import Foundation
import Lockstep

/// A line of a picture.
struct Curve {
  let title: String
  let points: [(Double, Double)]

  init(_ title: String, _ points: [(Double, Double)]) { (self.title, self.points) = (title, points) }

  /// Of a function over a range.
  init(_ title: String, over range: StrideTo<Double>, _ function: (Double) -> Double) {
    self.init(title, range.map { ($0, function($0)) })
  }
}

extension Page {
  /// Draws curves into one picture; `settings` are lines of gnuplot.
  func draw(_ name: String, _ xLabel: String, _ yLabel: String, _ curves: [Curve], _ settings: [String] = []) throws {
    var lines = ["set xlabel '\(xLabel)'", "set ylabel '\(yLabel)'", "set grid", "set key top right"] + settings
    for (index, curve) in curves.enumerated() { lines += Gnuplot.block("curve\(index)", curve.points) }
    let parts = curves.indices.map { "$curve\($0) with lines linewidth 2 title '\(curves[$0].title)'" }
    try draw(name, lines + ["plot " + parts.joined(separator: ", ")])
  }
}

/// Remembers what each epoch came to.
final class History: TrainingObserver {
  private(set) var epochs: [EpochMetrics] = []

  func epochFinished(_ metrics: EpochMetrics) { epochs.append(metrics) }

  /// The losses of all epochs, in training and in the test.
  var curves: [Curve] {
    let train = epochs.map { (Double($0.epoch), $0.train.meanLoss) }
    let test = epochs.compactMap { epoch in epoch.test.map { (Double(epoch.epoch), $0.meanLoss) } }
    return [Curve("train", train)] + (test.isEmpty ? [] : [Curve("test", test)])
  }
}

/// The library's own training: what each epoch came to.
func fit(
  _ network: Module, _ objective: any Objective, _ configuration: Configuration, _ train: any Dataset,
  test: (any Dataset)? = nil
) throws -> History {
  let trainer = try Trainer(network, objective, configuration)
  let history = History()
  trainer.observers = [history]
  try trainer.fit(train, test: test)
  return history
}

/// The notes' `data_iter`: the samples in random order, a batch at a time.
func batches(of data: any Dataset, _ batchSize: Int, epoch: Int) throws -> [Batch] {
  let sampler = Sampler(sampleCount: data.count, batchSize: batchSize, seed: 0)
  let order = sampler.order(epoch: epoch)
  return try (0..<sampler.batchCount).map { try data.batch(sampler.batch($0).map { order[$0] }) }
}

/// The notes' `sgd`: minibatch stochastic gradient descent from scratch.
func sgd(_ parameters: [Tensor], _ learningRate: Double, batchSize: Int) throws {
  withoutGradient {
    for parameter in parameters {
      guard let gradient = parameter.gradient else { continue }
      parameter.assign(parameter - gradient * (learningRate / Double(batchSize)))
      parameter.gradient = nil
    }
  }
}

/// `(ŷ - y)² / 2`, as the notes write it.
func squaredLoss(_ prediction: Tensor, _ target: Tensor) throws -> Tensor {
  (prediction - target.reshaped(prediction.shape)).pow(2) * 0.5
}

/// Fashion-MNIST, converted once for all chapters that need it.
enum FashionMNIST {
  private static let splits = Result { () throws -> (train: ImageDataset, test: ImageDataset) in
    let path = NSTemporaryDirectory() + "lockstep-book-\(getpid()).h5"
    defer { unlink(path) }
    _ = try FashionMNISTConverter().convert(to: path)
    let file = try ClassificationFile.open(path)
    return (ImageDataset(try file.split("train")), ImageDataset(try file.split("test")))
  }

  static func load() throws -> (train: ImageDataset, test: ImageDataset) { try splits.get() }
}

/// How many of a data set's images a classifier gets right.
func accuracy(_ data: ImageDataset, _ classify: (Tensor) throws -> Tensor) throws -> Double {
  var hits = 0.0
  for start in stride(from: 0, to: data.count, by: 1000) {
    let batch = try data.batch(Array(start..<min(start + 1000, data.count)))
    hits += try withoutGradient { try (classify(batch.inputs).argmax(1) .== batch.targets).sum().item() }
  }
  return hits / Double(data.count)
}
