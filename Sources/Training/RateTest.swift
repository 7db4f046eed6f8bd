import Datasets
import Failures
import Optimizers

/// Tries learning rates: a training whose rate grows with every step, from one at which it hardly learns to one at which it bursts.
/// Where the loss falls fastest is a rate to train with. Source: Smith 2017; the smoothing and the suggestion are Lightning's.
public struct RateTest: Sendable {
  /// What a step came to.
  public struct Point: Sendable, Equatable {
    /// Of parameters that no pattern names.
    public let rate: Double
    /// The mean over the step's samples.
    public let loss: Double
    /// The running mean of the losses so far, corrected for its start.
    public let smoothed: Double
  }

  /// Where the rate begins, and what it would end with.
  public let first, last: Double
  /// How many rates are tried.
  public let steps: Int

  /// How much of the mean stays from step to step, and how many times the best mean ends the test.
  private static let (smoothing, burst) = (0.98, 4.0)
  /// Steps at both ends that are not believed.
  private static let (skippedFirst, skippedLast) = (10, 1)

  /// - Throws: `ConfigurationError` for rates or steps that can't be.
  public init(from first: Double = 1e-6, to last: Double = 10, steps: Int = 100) throws {
    guard first.isFinite, last.isFinite, first > 0, last > first else {
      throw ConfigurationError("the rates are \(first) to \(last), but must rise from above 0")
    }
    guard (Self.skippedFirst + Self.skippedLast + 2...1_000_000).contains(steps) else {
      throw ConfigurationError("steps is \(steps), but must be in 13…1000000")
    }
    (self.first, self.last, self.steps) = (first, last, steps)
  }

  /// The same training with the rate that the test begins with; patterns keep their ratio to the rest.
  public func configuration(of training: Configuration) -> Configuration {
    var result = training
    let rest = training.learningRate
    result.optimization.learningRate =
      rest > 0 ? training.optimization.learningRate.scaled(by: first / rest) : PerParameter(first)
    result.learningRate = first
    (result.scheduling, result.steps, result.ema, result.earlyStopping) = (Scheduling(), nil, nil, nil)
    return result
  }

  /// Takes the steps, epochs over and over; fewer where the loss bursts. The trainer is of no use afterwards.
  ///
  /// - Parameters:
  ///   - trainer: of a configuration that `configuration(of:)` made, at its beginning.
  ///   - dataset: what is learnt from.
  ///   - told: called with the number of steps after each.
  /// - Throws: `Interrupted` on all ranks after a signal.
  public func run(
    _ trainer: Trainer, on dataset: any Dataset, told: (Int) -> Void = { _ in }
  ) throws -> [Point] {
    trainer.schedule = .exponential(period: steps - 1, factor: last / first)
    trainer.model.train()
    var points: [Point] = []
    var (mean, best) = (0.0, Double.infinity)
    while points.count < steps {
      let (settings, epoch) = (trainer.configuration, trainer.position.epoch)
      let data = dataset.arranged(epoch: epoch, batchSize: settings.batchSize, seed: settings.seed)
      let loader = trainer.loader(
        data, Sampler(of: data, batchSize: settings.batchSize, seed: settings.seed), epoch: epoch)
      defer { loader.cancel() }
      while points.count < steps, let batch = try trainer.fetch(loader) {
        let rate = first * trainer.schedule.factor(at: points.count)
        guard let result = try finite({ try trainer.step(batch) }) else { return points }
        if let signal = result.stop { throw Interrupted(signal: signal, step: trainer.position.step, folder: nil) }
        mean = Self.smoothing * mean + (1 - Self.smoothing) * result.totals.meanLoss
        let smoothed = mean / (1 - Self.power(Self.smoothing, points.count + 1))
        points.append(Point(rate: rate, loss: result.totals.meanLoss, smoothed: smoothed))
        told(points.count)
        if points.count > 2 && smoothed > Self.burst * best { return points }
        best = min(best, smoothed)
      }
      trainer.position.epoch += 1
      trainer.position.stepInEpoch = 0
    }
    return points
  }

  /// nil where the numbers of a step are no longer finite, which all ranks find alike.
  private func finite(_ step: () throws -> StepResult) throws -> StepResult? {
    do {
      let result = try step()
      return result.skipped == nil ? result : nil
    } catch is NotFiniteError {
      return nil
    }
  }

  private static func power(_ base: Double, _ exponent: Int) -> Double {
    Schedule.exponential(period: 1, factor: base).factor(at: exponent)
  }

  /// The rate at which the smoothed loss falls fastest over the logarithm of the rate; nil where it does not fall, or the test ended
  /// too soon.
  public static func suggestion(of points: [Point]) -> Double? {
    let inner = points.dropFirst(skippedFirst).dropLast(skippedLast)
    guard inner.count >= 2 else { return nil }
    let (losses, rates) = (inner.map(\.smoothed), inner.map(\.rate))
    let slopes = losses.indices.map { i in
      let (before, after) = (max(i - 1, 0), min(i + 1, losses.count - 1))
      return (losses[after] - losses[before]) / Double(after - before)
    }
    guard let steepest = slopes.indices.min(by: { slopes[$0] < slopes[$1] }), slopes[steepest] < 0 else { return nil }
    return rates[steepest]
  }
}
