import Tensors

/// Sequences that go on where those of the step before ended.
public struct Continuation: Sendable {
  /// Which row of the text, side by side, each sample belongs to.
  public let rows: [Int]
  /// Whether these are the first of an epoch, which begin with zeros.
  public let isStart: Bool

  /// One row of the text for each sample.
  public init(rows: [Int], isStart: Bool) { (self.rows, self.isStart) = (rows, isStart) }
}

/// Samples that are blends of two: of themselves, and of others.
public struct Mixture: Sendable {
  /// The targets of the others, as a batch has its own.
  public let targets: Tensor
  /// How much of each sample, and of its loss, is its own: float32 `[batch]`.
  public let shares: Tensor

  /// One of each for every sample of a batch.
  public init(targets: Tensor, shares: Tensor) { (self.targets, self.shares) = (targets, shares) }
}

/// Inputs and targets of some samples.
public struct Batch: Sendable {
  /// What the model is given: the batch is the first axis.
  public let inputs: Tensor
  /// What the outputs are compared with: the batch is the first axis.
  public let targets: Tensor
  /// Which samples of the data set these are.
  public let samples: [Int]
  /// Set where states are carried from one step to the next.
  public var continuation: Continuation?
  /// How many tokens of each sequence count, int64 `[batch]`, where sequences are padded.
  public var inputLengths, targetLengths: Tensor?
  /// How much each sample's loss counts, float32 `[batch]`, with the mean 1 over the data set; nil where all count the same.
  public var weights: Tensor?
  /// Set where samples are blends of two.
  public var mixture: Mixture?

  /// One sample for each entry of the tensors' first axes.
  public init(inputs: Tensor, targets: Tensor, samples: [Int]) {
    (self.inputs, self.targets, self.samples) = (inputs, targets, samples)
  }

  /// The same samples under other numbers.
  func numbered(_ samples: [Int]) -> Batch {
    var batch = Batch(inputs: inputs, targets: targets, samples: samples)
    (batch.continuation, batch.weights, batch.mixture) = (continuation, weights, mixture)
    (batch.inputLengths, batch.targetLengths) = (inputLengths, targetLengths)
    return batch
  }
}

/// Samples that can be had by their position. One's own data set says how many there are and makes a batch of some:
/// ```swift
/// struct Squares: Dataset {
///   let count = 1000
///   func batch(_ samples: [Int]) throws -> Batch {
///     let x = Tensor(samples.map { [Float($0)] })
///     return Batch(inputs: x, targets: x.pow(2), samples: samples)
///   }
/// }
/// ```
/// `batch` is called on the loader's thread or the trainer's, by one of them at a time.
public protocol Dataset: Sendable {
  /// How many samples there are.
  var count: Int { get }
  /// Inputs and targets of the samples at these positions, in this order; of none, too.
  func batch(_ samples: [Int]) throws -> Batch
  /// The same in an epoch of a training, for data sets that change their samples at random; the others don't say it.
  func batch(_ samples: [Int], epoch: Int) throws -> Batch
  /// The same at known positions of an epoch's order, for data sets in which a sample depends on those beside it; the others don't
  /// say it.
  func batch(_ samples: [Int], at positions: Range<Int>, of order: SampleOrder, epoch: Int) throws -> Batch
  /// How much samples count in the mean of the losses: one each, unless a data set counts tokens. Gradients are divided
  /// by it, so the objective's sum `.weight` must come to the same.
  func weight(of samples: [Int]) -> Int
  /// The samples of one epoch, where they depend on it or on the batches: by default the same in all.
  func arranged(epoch: Int, batchSize: Int, seed: UInt64) -> any Dataset
  /// How an epoch's samples are ordered: at random, unless there are `rows`.
  var ordering: Ordering { get }
  /// Makes the batches of a pass over the samples in that order, from a position on.
  func pass(_ order: SampleOrder, from position: Int, epoch: Int) throws -> any DatasetPass
  /// Sequences that stand side by side, where each sample goes on with what came so many before it: those come in order,
  /// not shuffled. nil for samples that know nothing of each other.
  var rows: Int? { get }
}

extension Dataset {
  public func batch(_ samples: [Int], epoch: Int) throws -> Batch { try batch(samples) }
  public func batch(_ samples: [Int], at positions: Range<Int>, of order: SampleOrder, epoch: Int) throws -> Batch {
    try batch(samples, epoch: epoch)
  }
  public func weight(of samples: [Int]) -> Int { samples.count }
  public func arranged(epoch: Int, batchSize: Int, seed: UInt64) -> any Dataset { self }
  public var rows: Int? { nil }
  public var ordering: Ordering { rows == nil ? .shuffled : .inOrder }
  public func pass(_ order: SampleOrder, from position: Int, epoch: Int) throws -> any DatasetPass {
    DirectPass(self, order, epoch: epoch)
  }
}

/// The batches of one pass over a data set, of one loader.
public protocol DatasetPass: Sendable {
  /// The samples of a batch, or a part of one, which stand at these positions. Positions rise from call to call.
  func batch(_ samples: [Int], at positions: Range<Int>) throws -> Batch
  /// Nothing before this position is asked for any more.
  func advance(to position: Int)
  /// Nothing is asked for any more.
  func finish()
}

/// Of samples that can be had at any time.
struct DirectPass: DatasetPass {
  private let dataset: any Dataset
  private let order: SampleOrder
  private let epoch: Int

  init(_ dataset: any Dataset, _ order: SampleOrder, epoch: Int) {
    (self.dataset, self.order, self.epoch) = (dataset, order, epoch)
  }

  func batch(_ samples: [Int], at positions: Range<Int>) throws -> Batch {
    try dataset.batch(samples, at: positions, of: order, epoch: epoch)
  }
  func advance(to position: Int) {}
  func finish() {}
}

/// Samples with a digest (`sha256:<hex>`), by which ranks know that they have loaded the same.
public protocol DigestedDataset: Dataset {
  /// `sha256:<hex>` over all that the samples are made of.
  var digest: String { get throws }
}
