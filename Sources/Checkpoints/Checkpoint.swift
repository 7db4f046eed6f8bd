import Failures
import HDF5Files
import Optimizers
import Tensors

/// Where a training stands between two steps.
public struct TrainingPosition: Sendable, Equatable {
  /// Epochs completed.
  public var epoch = 0
  /// Optimizer steps since the beginning.
  public var step = 0
  /// Steps of the present, unfinished epoch.
  public var stepInEpoch = 0
  /// Those of them that were skipped, because their numbers were not finite.
  public var skippedInEpoch = 0
  /// Samples of all steps together.
  public var samplesSeen = 0
  /// What all of the training's random numbers depend on.
  public var seed: UInt64 = 0
  /// Loss, hits and samples of the unfinished epoch's steps so far.
  public var totals: [Double] = []
  /// What early stopping waits for.
  public var stopping = Waiting()
  /// What the learning rate's next fall waits for, and how far it has fallen.
  public var plateau = Waiting()

  /// The beginning: no epoch, no step.
  public init() {}
}

/// How long a metric has not become better.
public struct Waiting: Sendable, Equatable {
  /// Since the best value.
  public var epochs = 0
  /// nil before there is one.
  public var best: Double?
  /// What has come of it so far: the learning rate's.
  public var factor = 1.0

  /// The beginning.
  public init() {}
}

/// All that a training needs to go on as if it had never stopped.
public struct Checkpoint: Sendable {
  /// Parameters and buffers by their dotted names.
  public var model: [(name: String, tensor: Tensor)]
  /// What the optimizer remembers, by slot and parameter.
  public var optimizer: [String: [String: Tensor]]
  /// How many steps the optimizer has taken; Adam's corrections depend on it.
  public var optimizerSteps: Int
  /// Where the training stood.
  public var position: TrainingPosition
  /// The configuration as JSON.
  public var configuration: String
  /// What the model needs to be used without its data: class names, vocabularies.
  public var metadata: Metadata
  /// States of sequences that go on with the next step: `[rows, 1 + width]`, each behind its row's number.
  public var carried: Tensor?
  /// The moving average of the parameters, by their names; none where the training has none.
  public var average: [(name: String, tensor: Tensor)] = []
  /// How good the model was, where that was measured when it was saved.
  public var score: CheckpointScore?

  /// Holds the tensors as they are, without a copy.
  public init(
    model: [(name: String, tensor: Tensor)], optimizer: [String: [String: Tensor]], optimizerSteps: Int,
    position: TrainingPosition, configuration: String, metadata: Metadata = Metadata(),
    carried: Tensor? = nil
  ) {
    (self.model, self.optimizer, self.optimizerSteps) = (model, optimizer, optimizerSteps)
    (self.position, self.configuration, self.metadata) = (position, configuration, metadata)
    self.carried = carried
  }

  /// The same with tensors of its own: what the training does next does not change it.
  public func copied() throws -> Checkpoint {
    var copy = self
    copy.model = try model.map { (name: $0.name, tensor: try Self.copy($0.tensor)) }
    copy.optimizer = try optimizer.mapValues { try $0.mapValues(Self.copy) }
    copy.carried = try carried.map(Self.copy)
    copy.average = try average.map { (name: $0.name, tensor: try Self.copy($0.tensor)) }
    return copy
  }

  /// Reads the elements only, so that another thread may do it while they are computed with.
  private static func copy(_ tensor: Tensor) throws -> Tensor {
    try tensor.withRowMajor(as: Float.self) { Tensor(Array($0), shape: tensor.shape) }
  }

  /// What is not finite among parameters, buffers, the optimizer's memory and carried states; nil when all is well.
  public func firstNotFinite() throws -> String? {
    if let fault = try Self.firstNotFinite(model) { return fault }
    for (slot, tensors) in optimizer.sorted(by: { $0.key < $1.key }) {
      let named = tensors.sorted { $0.key < $1.key }.map { (name: "\(slot) of \($0.key)", tensor: $0.value) }
      if let fault = try Self.firstNotFinite(named) { return fault }
    }
    let averages = average.map { (name: "the average of \($0.name)", tensor: $0.tensor) }
    if let fault = try Self.firstNotFinite(averages) { return fault }
    return try Self.firstNotFinite(carried.map { [(name: "a carried state", tensor: $0)] } ?? [])
  }

  /// Names the first tensor with a NaN or an infinity, and the place of it; nil where all numbers are finite.
  public static func firstNotFinite(_ tensors: [(name: String, tensor: Tensor)]) throws -> String? {
    for (name, tensor) in tensors {
      if try tensor.isFinite() { continue }
      let fault = try tensor.withRowMajor { (values: UnsafeBufferPointer<Float>) -> (place: Int, value: Float)? in
        values.firstIndex { !$0.isFinite }.map { ($0, values[$0]) }
      }
      if let fault { return "\(name) is not finite (\(fault.value) at element \(fault.place))" }
    }
    return nil
  }

  /// `sha256:<hex>` over names, shapes and float32 bits of all of the model's tensors, in order of their names.
  public func modelDigest() throws -> String { try Self.digest(model) }

  /// `sha256:<hex>` over names, shapes and bits of the tensors, in the order of their names.
  public static func digest(_ tensors: [(name: String, tensor: Tensor)]) throws -> String {
    var hash = SHA256()
    for (name, tensor) in tensors.sorted(by: { $0.name < $1.name }) {
      hash.update("\(name) \(tensor.shape)\n")
      try tensor.withRowMajor(as: Float.self) { hash.update(UnsafeRawBufferPointer($0)) }
    }
    return hash.digest
  }
}

/// A checkpoint that can't be used, in one line.
public struct CheckpointError: Failure {
  public let kind: FailureKind
  /// The file or folder at fault.
  public let path: String
  /// What is wrong with it, in words that follow the path.
  public let what: String

  /// An error of bad data unless said otherwise.
  public init(_ path: String, _ what: String, kind: FailureKind = .badData) {
    (self.path, self.what, self.kind) = (path, what, kind)
  }

  public var description: String { "\(path): \(what)" }
}
