import Datasets
import Networks
import Tensors

/// A figure that a training reports.
public struct Measure: Sendable, Equatable {
  /// As metrics spell it behind their split: `loss` becomes `train_loss`.
  public let name: String
  /// A mean, or what is made of means.
  public let value: Double
  /// A name in lower case with underscores, and its value.
  public init(_ name: String, _ value: Double) { (self.name, self.value) = (name, value) }
}

/// What a training minimises, and what it counts beside. An objective of one's own says its loss, names what it counts, and
/// what that comes to:
/// ```swift
/// struct AbsoluteErrors: Objective {
///   let sums: [SumName] = [.loss, .weight, "small"]
///
///   func loss(of outputs: Tensor, on batch: Batch) throws -> (sum: Tensor, totals: Totals) {
///     let errors = (outputs - batch.targets).abs()
///     let (loss, small) = (errors.sum(), (errors < 0.1).sum())
///     return (loss, [.loss: try loss.item(), .weight: Double(batch.samples.count), "small": try small.item()])
///   }
///
///   func measures(of totals: Totals) -> [Measure] {
///     [Measure("loss", totals.meanLoss), Measure("small", totals.mean(of: "small"))]
///   }
/// }
/// ```
public protocol Objective: Sendable {
  /// The outputs that a loss is computed from; the model's, of the batch's inputs, unless said otherwise. Here a model
  /// that takes more than one tensor, lengths say, is given what else the batch has.
  func outputs(of model: Module, on batch: Batch) throws -> Tensor
  /// The sum of the losses of a batch, a scalar that remembers how it was computed, and the batch's totals: `.loss`,
  /// that sum's value, and `.weight`, which must be the dataset's `weight(of:)` of the same samples, among them.
  func loss(of outputs: Tensor, on batch: Batch) throws -> (sum: Tensor, totals: Totals)
  /// What is counted, in the order in which ranks exchange it and checkpoints keep it.
  var sums: [SumName] { get }
  /// What the totals come to, under the names that metrics, progress and curves show; the loss unless said otherwise.
  func measures(of totals: Totals) -> [Measure]
  /// What a loss is counted by: examples, or the tokens of a text.
  var unit: String { get }
  /// States that go on from step to step, kept in checkpoints; none unless said otherwise.
  var memory: SequenceMemory? { get }
}

extension Objective {
  public func outputs(of model: Module, on batch: Batch) throws -> Tensor { model(batch.inputs) }
  public var sums: [SumName] { [.loss, .weight] }
  public func measures(of totals: Totals) -> [Measure] { [Measure("loss", totals.meanLoss)] }
  public var unit: String { "examples" }
  public var memory: SequenceMemory? { nil }

  /// What a batch comes to.
  public func totals(of model: Module, on batch: Batch) throws -> Totals {
    try loss(of: outputs(of: model, on: batch), on: batch).totals
  }
}

/// Cross-entropy of class labels, weighted where the batch has weights, and of two labels where samples are blends of two; a hit is a
/// sample whose largest logit is its own label's.
public struct Classification: Objective {
  public let sums: [SumName] = [.loss, .hits, .weight]

  /// Of logits `[batch, classes]` and labels, int64 `[batch]`.
  public init() {}

  public func measures(of totals: Totals) -> [Measure] {
    [Measure("loss", totals.meanLoss), Measure("accuracy", totals.accuracy)]
  }

  public func loss(of logits: Tensor, on batch: Batch) throws -> (sum: Tensor, totals: Totals) {
    let loss = summedLoss(of: logits, on: batch)
    let hits = (logits.argmax(1) .== batch.targets).sum()
    return (loss, Totals(sums, [try loss.item(), try hits.item(), Double(batch.samples.count)]))
  }

  private func summedLoss(of logits: Tensor, on batch: Batch) -> Tensor {
    if batch.weights == nil && batch.mixture == nil { return crossEntropy(logits, batch.targets, reduction: .sum) }
    var losses = crossEntropy(logits, batch.targets, reduction: .none)
    if let mixture = batch.mixture {
      // The cross-entropy of soft labels, as it is linear in them.
      let others = crossEntropy(logits, mixture.targets, reduction: .none)
      losses = others + (losses - others) * mixture.shares
    }
    return (batch.weights.map { losses * $0 } ?? losses).sum()
  }
}
