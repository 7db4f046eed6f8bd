import Checkpoints
import Foundation

/// A metric by the name that it has in metrics: `valid_loss`, `test_accuracy`.
public struct MetricName: SettingValue, ExpressibleByStringLiteral {
  public let text: String

  public init?(text: String) {
    guard !text.isEmpty, !text.contains(where: { $0.isWhitespace || $0 == ":" }) else { return nil }
    self.text = text
  }
  public init(stringLiteral text: String) { self.text = text }
  public static var wanted: String { "a metric such as valid_loss" }

  public init(from decoder: any Decoder) throws { text = try String(from: decoder) }
  public func encode(to encoder: any Encoder) throws { try text.encode(to: encoder) }
}

/// When a training ends before its last epoch: `valid_loss:5`, after five epochs without a better one.
public struct EarlyStopping: SettingValue {
  /// What should become better.
  public let metric: MetricName
  /// Epochs that it is waited for.
  public let patience: Int

  /// Three epochs, as Lightning has it, unless said otherwise.
  public init(_ metric: MetricName, patience: Int = 3) { (self.metric, self.patience) = (metric, max(patience, 1)) }

  public init?(text: String) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = parts.first, let metric = MetricName(text: String(first)) else { return nil }
    guard parts.count == 2 else {
      self.init(metric)
      return
    }
    guard let patience = Int(parts[1]), patience >= 1 else { return nil }
    self.init(metric, patience: patience)
  }
  public var text: String { "\(metric.text):\(patience)" }
  public static var wanted: String { "a metric, and the epochs that it is waited for: valid_loss or valid_loss:5" }

  public init(from decoder: any Decoder) throws {
    let text = try String(from: decoder)
    guard let value = EarlyStopping(text: text) else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "\"\(text)\" is not \(Self.wanted)"))
    }
    self = value
  }
  public func encode(to encoder: any Encoder) throws { try text.encode(to: encoder) }
}

extension Waiting {
  /// Takes note of an epoch.
  ///
  /// - Parameter threshold: the share of the best value that a better one must be better by.
  mutating func note(_ metric: Measure, threshold: Double = 0) {
    let share = CheckpointScore.isHigherBetter(metric.name) ? 1 + threshold : 1 - threshold
    let bar = best.map { CheckpointScore(metric.name, $0 * share) }
    if CheckpointScore(metric.name, metric.value).isBetter(than: bar) {
      (epochs, best) = (0, metric.value)
    } else {
      epochs += 1
    }
  }
}

/// What a training does by its own metrics, which are the same on all ranks: it lowers the learning rate, or ends.
extension Trainer {
  /// PyTorch's, for plateaus.
  private static let threshold = 1e-4

  var watchesMetrics: Bool { configuration.earlyStopping != nil || configuration.schedule == .plateau }

  /// Throws `ConfigurationError` for a metric that the training goes by, but nobody computes.
  ///
  /// - Parameters:
  ///   - keepBest: what the best checkpoint is told by.
  ///   - splits: what is evaluated: `valid`, `test` or both.
  public func checkMetrics(keepBest: String? = nil, splits: [String]) throws {
    try check(metric: configuration.earlyStopping?.metric.text, "early-stopping", splits: splits)
    try check(metric: configuration.scheduleMetric?.text, "schedule-metric", splits: splits)
    try check(metric: keepBest, "keep-best", splits: splits)
  }

  private func check(metric name: String?, _ option: String, splits: [String]) throws {
    guard let name else { return }
    let measures = objective.measures(of: Totals(objective.sums)).map(\.name)
    let known = (["train"] + splits).flatMap { split in measures.map { EpochMetrics.key(split, $0) } }
    if !known.contains(name) {
      throw ConfigurationError("\(option) is \(name), but must be one of \(known.joined(separator: ", "))")
    }
  }

  func note(_ metrics: EpochMetrics) {
    func value(of name: String) -> Measure? { metrics.named.first { $0.name == name } }
    if let rule = configuration.earlyStopping, let value = value(of: rule.metric.text) { position.stopping.note(value) }
    guard configuration.schedule == .plateau else { return }
    let name = configuration.scheduleMetric?.text ?? metrics.lossName
    guard let value = value(of: name) else { return }
    position.plateau.note(value, threshold: Self.threshold)
    if position.plateau.epochs > configuration.schedulePatience {
      position.plateau.epochs = 0
      // Where the end is above where the factor stands already, nothing rises.
      let lower = max(position.plateau.factor * configuration.scheduleFactor, configuration.scheduleEnd)
      position.plateau.factor = min(position.plateau.factor, lower)
    }
  }

  /// Why the training ends before its last epoch, in a line; nil where it does not.
  public var earlyStop: String? {
    guard let rule = configuration.earlyStopping, position.stopping.epochs >= rule.patience else { return nil }
    let best = position.stopping.best.map { "better than \($0)" } ?? "a number"
    return "stopped early: \(rule.metric.text) has not been \(best) for \(position.stopping.epochs) epochs"
  }
}

extension EpochMetrics {
  /// The loss of what was held back, else of the test, else of the training.
  var lossName: String { "\(validation != nil ? "valid" : test != nil ? "test" : "train")_loss" }
}
