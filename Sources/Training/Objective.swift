import Datasets
import Foundation
import Networks
import Tensors

/// Sums over samples: added over slices, steps and ranks, and only then divided.
public struct Totals: Sendable, Equatable {
  public var loss = 0.0
  public var hits = 0.0
  public var samples = 0.0

  public init() {}
  public init(loss: Double, hits: Double, samples: Double) {
    (self.loss, self.hits, self.samples) = (loss, hits, samples)
  }
  public init(_ values: [Double]) {
    if values.count == 3 { (loss, hits, samples) = (values[0], values[1], values[2]) }
  }

  public var values: [Double] { [loss, hits, samples] }
  public var meanLoss: Double { samples > 0 ? loss / samples : 0 }
  /// `exp` of the mean loss.
  public var perplexity: Double { exp(meanLoss) }
  public var accuracy: Double { samples > 0 ? hits / samples : 0 }

  public static func += (left: inout Totals, right: Totals) {
    left = Totals(loss: left.loss + right.loss, hits: left.hits + right.hits, samples: left.samples + right.samples)
  }
}

/// A figure that a training reports.
public struct Measure: Sendable, Equatable {
  public let name: String
  public let value: Double
  public init(_ name: String, _ value: Double) { (self.name, self.value) = (name, value) }
}

/// What a training minimises, and what it counts beside.
public protocol Objective: Sendable {
  /// The sum of the losses of a batch, a scalar that remembers how it was computed, and the batch's totals.
  func evaluate(_ model: Module, _ batch: Batch) throws -> (lossSum: Tensor, totals: Totals)
  /// What the totals come to, under the names that metrics, progress and curves show; the loss unless said otherwise.
  func measures(of totals: Totals) -> [Measure]
  /// What a loss is counted by: examples, or the tokens of a text.
  var unit: String { get }
  /// States that go on from step to step, kept in checkpoints; none unless said otherwise.
  var memory: SequenceMemory? { get }
}

extension Objective {
  public func measures(of totals: Totals) -> [Measure] { [Measure("loss", totals.meanLoss)] }
  public var unit: String { "examples" }
  public var memory: SequenceMemory? { nil }
}

/// Cross-entropy of class labels; a hit is a sample whose largest logit is its label's.
public struct Classification: Objective {
  public init() {}

  public func measures(of totals: Totals) -> [Measure] {
    [Measure("loss", totals.meanLoss), Measure("accuracy", totals.accuracy)]
  }

  public func evaluate(_ model: Module, _ batch: Batch) throws -> (lossSum: Tensor, totals: Totals) {
    let logits = model(batch.inputs)
    let loss = crossEntropy(logits, batch.targets, reduction: .sum)
    let hits = (logits.argmax(1) .== batch.targets).sum()
    return (loss, Totals(loss: try loss.item(), hits: try hits.item(), samples: Double(batch.samples.count)))
  }
}
