import Foundation
import HDF5Files
import Kernels
import Lockstep
import Testing
import Zoo

/// A training that any job can repeat.
struct Lesson: Sendable, CustomStringConvertible {
  var model: String
  var optimizer = Configuration.OptimizerName.sgd
  var precision = Precision.float32
  var batchSize = 10
  var virtualShards = 8
  var epochs = 1
  var checkpointsActivations = false

  var description: String {
    "\(model), \(optimizer), \(precision), batch \(batchSize) in \(virtualShards)"
      + (checkpointsActivations ? ", activations computed again" : "")
  }

  var configuration: Configuration {
    var result = Configuration(
      model: model, epochs: epochs, batchSize: batchSize, learningRate: 0.01, optimizer: optimizer,
      momentum: optimizer.takesMomentum ? 0.9 : 0, weightDecay: 0.001, clipNorm: 5, seed: 11)
    (result.reproducible, result.virtualShards, result.precision) = (true, virtualShards, precision)
    result.checkpointActivations = checkpointsActivations
    return result
  }

  /// Steps of all epochs.
  var steps: Int { epochs * ((Self.data.count + batchSize - 1) / batchSize) }

  /// Trains from the beginning or from a checkpoint, to the end or up to a step, on one rank of a job.
  func train(
    on communicator: Communicator, from checkpoint: Checkpoint? = nil, until steps: Int? = nil,
    savingIn folder: String? = nil
  ) throws -> Answer {
    let entry = try #require(Zoo.model(model))
    var configuration = configuration
    configuration.steps = steps
    let trainer = try Trainer(drawing: entry.make(ModelSizes()), Classification(), configuration, on: communicator)
    if let checkpoint { try trainer.resume(from: checkpoint) }
    let keeper = MetricsKeeper()
    trainer.observers = [keeper]
    let saving = folder.map { CheckpointPlan(CheckpointFolder($0)) }
    try trainer.fit(Self.data, test: Self.heldOut, saving: saving)
    return try Answer(trainer, keeper.figures)
  }

  /// Random pixels, with labels of ten classes.
  static let data = ImageDataset(split(25, seed: 1))
  static let heldOut = ImageDataset(split(13, seed: 2))

  static func split(_ count: Int, seed: UInt64) -> ImageSplit {
    let keys = (0..<count).map { RandomKey(seed: seed, .synthesis, sample: $0) }
    return ImageSplit(
      images: keys.flatMap { key in (0..<784).map { UInt8(key.bounded(256, draw: $0)) } },
      labels: keys.map { Int32($0.bounded(10, draw: 1000)) }, channels: 1, height: 28, width: 28)
  }
}

/// All that a training came to, to the bit.
struct Answer: Sendable, Equatable {
  let position: TrainingPosition
  /// Parameters, buffers and what the optimizer remembers.
  let state: [String: [UInt8]]
  /// Losses and hits of the epochs that were finished.
  let figures: [String]

  init(_ trainer: Trainer, _ figures: [String]) throws {
    position = trainer.position
    self.figures = figures
    var state: [String: [UInt8]] = [:]
    func keep(_ name: String, _ tensor: Tensor) throws {
      state[name] = try tensor.withFloats { Array(UnsafeRawBufferPointer($0)) }
    }
    for (name, tensor) in trainer.model.state { try keep(name, tensor) }
    for (slot, tensors) in trainer.optimizer.slots {
      for (name, tensor) in tensors { try keep("\(slot) of \(name)", tensor) }
    }
    self.state = state
  }

  /// One line of all of that, which ranks can tell each other.
  var digest: String {
    var hash = SHA256()
    for (name, bytes) in state.sorted(by: { $0.key < $1.key }) {
      hash.update("\(name) \(bytes.count)\n")
      hash.update(bytes)
    }
    return "\(hash.hexadecimal) \(position) \(figures)"
  }

  /// The tensors in which two answers differ.
  func differences(from other: Answer) -> [String] {
    Set(state.keys).union(other.state.keys).filter { state[$0] != other.state[$0] }.sorted()
      + (figures == other.figures ? [] : ["figures \(figures) and \(other.figures)"])
      + (position.step == other.position.step && position.samplesSeen == other.position.samplesSeen ? [] : ["position"])
  }
}

/// Remembers what epochs came to, without times and ranks.
final class MetricsKeeper: TrainingObserver {
  private(set) var figures: [String] = []

  func epochFinished(_ metrics: EpochMetrics) {
    figures.append("\(metrics.epoch) \(metrics.step) \(metrics.train) \(metrics.test.map { "\($0)" } ?? "none")")
  }
}
