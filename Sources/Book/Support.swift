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
  func draw(_ name: String, _ xLabel: String, _ yLabel: String, _ curves: [Curve], _ settings: [String] = []) {
    var lines = ["set xlabel '\(xLabel)'", "set ylabel '\(yLabel)'", "set grid", "set key top right"] + settings
    for (index, curve) in curves.enumerated() { lines += Gnuplot.block("curve\(index)", curve.points) }
    let parts = curves.indices.map { "$curve\($0) with lines linewidth 2 title '\(curves[$0].title)'" }
    draw(name, lines + ["plot " + parts.joined(separator: ", ")])
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

/// Tells which share of a training is done.
private final class ProgressTeller: TrainingObserver {
  private let tell: (Double) -> Void

  init(_ tell: @escaping (Double) -> Void) { self.tell = tell }

  func stepFinished(_ step: FinishedStep) {
    let done = step.position.epoch * step.stepsPerEpoch + step.position.stepInEpoch
    tell(Double(done) / Double(max(step.epochs * step.stepsPerEpoch, 1)))
  }
}

extension Page {
  /// The library's own training: what each epoch came to.
  func fit(
    _ network: Module, _ objective: any Objective, _ configuration: Configuration, _ train: any Dataset,
    test: (any Dataset)? = nil
  ) -> History {
    let history = History()
    attempt {
      let trainer = try Trainer(drawing: network, objective, configuration)
      trainer.observers = [history, ProgressTeller(progress)]
      progress(0)
      try trainer.fit(train, test: test)
    }
    return history
  }
}

extension Page {
  /// Gives one network the parameters of another of the same names.
  func copy(_ source: Module, to target: Module) {
    attempt { try target.load(Dictionary(uniqueKeysWithValues: source.state.map { ($0.name, $0.tensor) })) }
  }
}

/// What a training loop of the chapters' own is made of.
extension Page {
  /// The numbers of a training's epochs, from 0 on.
  func epochs(_ count: Int) -> some Sequence<Int> {
    (0..<count).lazy.map { [progress] epoch in
      progress(Double(epoch) / Double(count))
      return epoch
    }
  }

  /// The notes' `data_iter`: the samples in random order, a batch at a time.
  func batches(of data: any Dataset, _ batchSize: Int, epoch: Int) -> [Batch] {
    let sampler = Sampler(sampleCount: data.count, batchSize: batchSize, seed: 0)
    let order = sampler.order(epoch: epoch)
    return attempt { try (0..<sampler.batchCount).map { try data.batch(order[sampler.batch($0)]) } } ?? []
  }

  /// Some samples of a data set, or all; none where they can't be had.
  func batch(of data: any Dataset, _ samples: [Int]? = nil) -> Batch {
    attempt { try data.batch(samples ?? Array(0..<data.count)) }
      ?? Batch(inputs: Tensor.zeros([0]), targets: Tensor.zeros([0]), samples: [])
  }

  /// The derivatives of a loss; once anything has failed here, nothing more.
  func backward(_ loss: Tensor) { if !hasFailed { attempt { try loss.backward() } } }

  /// One step of an optimizer down a loss.
  func step(_ optimizer: any Optimizer, down loss: Tensor) {
    optimizer.clearGradients()
    backward(loss)
    step(optimizer)
  }

  /// One step of an optimizer by the gradients that there are; once anything has failed here, none.
  func step(_ optimizer: any Optimizer) { if !hasFailed { attempt { try optimizer.step() } } }
}

/// The notes' `sgd`: minibatch stochastic gradient descent from scratch.
func sgd(_ parameters: [Tensor], _ learningRate: Double, batchSize: Int) {
  withoutGradient {
    for parameter in parameters {
      guard let gradient = parameter.gradient else { continue }
      parameter.assign(parameter - gradient * (learningRate / Double(batchSize)))
      parameter.gradient = nil
    }
  }
}

extension Tensor {
  /// The only element, for code whose way depends on it; no number where there is a fault, which travels on.
  var number: Double {
    do { return try item() } catch { return .nan }
  }

  /// The gradient that `backward()` left; a fault where it did not come by.
  var derivative: Tensor {
    gradient ?? Tensor(fault: TensorError("gradient", "backward did not reach a tensor of shape \(shape)"), shape)
  }
}

/// `(ŷ - y)² / 2`, as the notes write it.
func squaredLoss(_ prediction: Tensor, _ target: Tensor) -> Tensor {
  (prediction - target.reshaped(prediction.shape)).pow(2) * 0.5
}

/// Fashion-MNIST, converted once for all chapters that need it.
struct FashionMNIST {
  let train, test: ImageDataset
  private let splits: (train: ImageSplit, test: ImageSplit)

  private static let splits = Result { () throws -> (train: ImageSplit, test: ImageSplit) in
    let path = NSTemporaryDirectory() + "lockstep-book-\(getpid()).h5"
    defer { unlink(path) }
    _ = try FashionMNISTConverter().convert(to: path)
    let file = try ClassificationFile.open(path)
    return (try file.split("train"), try file.split("test"))
  }

  init(_ page: Page) throws {
    splits = try Self.splits.get()
    (train, test) = (ImageDataset(splits.train), ImageDataset(splits.test))
  }

  /// The first images of both splits, for a transform of one's own.
  func first(_ trainCount: Int, _ testCount: Int) -> (train: ImageSplit, test: ImageSplit) {
    (splits.train.first(trainCount), splits.test.first(testCount))
  }
}

extension ImageSplit {
  func first(_ count: Int) -> ImageSplit {
    let count = min(count, self.count)
    return ImageSplit(
      images: Array(images.prefix(count * imageBytes)), labels: Array(labels.prefix(count)), channels: channels,
      height: height, width: width)
  }
}

/// Which share of a data set's images a classifier gets right.
func accuracy(_ page: Page, _ data: ImageDataset, _ classify: (Tensor) -> Tensor) -> Double {
  let hits = stride(from: 0, to: data.count, by: 1000).map { start in
    let batch = page.batch(of: data, Array(start..<min(start + 1000, data.count)))
    return withoutGradient { (classify(batch.inputs).argmax(1) .== batch.targets).sum() }
  }
  return page.number(Tensor.stack(hits).sum()) / Double(data.count)
}
