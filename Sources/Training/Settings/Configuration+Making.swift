import Checkpoints
import Kernels
import Optimizers

/// What settings mean together.
extension Configuration {
  /// Throws `ConfigurationError` for the first setting that can't be, by its option's name.
  public func validate() throws {
    func require(_ isGood: Bool, _ name: String, _ value: Any, _ wanted: String) throws {
      if !isGood { throw ConfigurationError("\(name) is \(value), but must be \(wanted)") }
    }
    for named in settings {
      if let (value, wanted) = named.setting.fault() { try require(false, named.option, value, wanted) }
    }
    try validateOptimizer(require)
    if let normalization = self.normalization, normalization != .ofData {
      let isGood =
        normalization.means.allSatisfy(\.isFinite) && normalization.deviations.allSatisfy { $0 > 0 && $0.isFinite }
      try require(isGood, "normalize", normalization.text, "finite, deviations above 0")
    }
    if self.audit != nil && !self.reproducible {
      throw ConfigurationError("audit needs --reproducible: else no two ranks compute the same bits of a gradient")
    }
    try validateDistribution(require)
    try kernels.validate()
    try validateSchedule(require)
  }

  private func validateDistribution(_ require: (Bool, String, Any, String) throws -> Void) throws {
    if self.reproducible {
      try require(
        self.backend != .tuned, "kernels", BackendName.tuned.rawValue,
        "left out with --reproducible, whose bits are not to depend on timing")
      let instead = "left out with --reproducible"
      try require(
        self.accumulate == 1, "accumulate", self.accumulate, instead + ": its virtual shards are such slices already")
      try require(self.compression == .none, "compression", self.compression.text, instead + ", whose sums are exact")
      try require(self.localSteps == 0, "local-steps", self.localSteps, instead)
    }
    if self.shardOptimizer {
      try require(
        self.localSteps == 0, "shard-optimizer", true,
        "left out with --local-steps, where each rank's memory is its own")
    }
    if let ema = self.ema {
      try require(self.localSteps == 0, "ema", ema, "left out with --local-steps, where weights are each rank's own")
    }
  }

  /// A setting of another optimizer would be without effect.
  private func validateOptimizer(_ require: (Bool, String, Any, String) throws -> Void) throws {
    let usual = Optimization()
    for named in NamedSetting.all(of: optimization) {
      guard let users = OptimizerName.users[named.option], !users.contains(self.optimizer) else { continue }
      let standard = NamedSetting.all(of: usual).first { $0.option == named.option }?.setting.text
      let text = named.setting.text
      try require(text == standard, named.option, text ?? "none", "left out with \(self.optimizer)")
    }
    try require(!self.nesterov || self.momentum > 0, "nesterov", self.nesterov, "used with a momentum")
  }

  private func validateSchedule(_ require: (Bool, String, Any, String) throws -> Void) throws {
    let isPlateau = self.schedule == .plateau
    if let metric = self.scheduleMetric { try require(isPlateau, "schedule-metric", metric.text, "used with plateau") }
    guard let steps = self.scheduleSteps?.steps else {
      let needs = self.schedule == .step || self.schedule == .multistep
      if needs { throw ConfigurationError("schedule is \(self.schedule.rawValue), which needs --schedule-steps") }
      return
    }
    let text = self.scheduleSteps?.text ?? ""
    try require(
      self.schedule != .constant && !isPlateau, "schedule-steps", text,
      "left out with the schedule \(self.schedule.rawValue)")
    try require(steps.allSatisfy { $0 >= 1 }, "schedule-steps", text, "at least 1")
    if self.schedule == .multistep {
      let rises = zip(steps, steps.dropFirst()).allSatisfy { $0 < $1 }
      try require(rises && !steps.isEmpty, "schedule-steps", text, "in rising order")
    } else {
      try require(steps.count == 1, "schedule-steps", text, "one number with the schedule \(self.schedule.rawValue)")
    }
  }

  /// The learning rate's factor at each step.
  public func makeSchedule() throws -> Schedule {
    let steps = self.scheduleSteps?.steps ?? []
    guard let length = steps.first ?? (self.schedule.hasLength ? nil : 1) else {
      throw ConfigurationError("schedule is \(self.schedule.rawValue), which needs --schedule-steps")
    }
    let main: Schedule =
      switch self.schedule {
      case .constant, .plateau: .constant
      case .step: .step(period: length, factor: self.scheduleFactor)
      case .multistep: .multistep(steps, factor: self.scheduleFactor)
      case .cosine: .cosine(steps: length, end: self.scheduleEnd)
      case .linear: .linear(steps: length, end: self.scheduleEnd)
      case .exponential: .exponential(period: length, factor: self.scheduleFactor)
      case .polynomial: .polynomial(steps: length, power: self.schedulePower, end: self.scheduleEnd)
      case .oneCycle: .oneCycle(steps: length, rise: self.scheduleRise)
      }
    return self.warmup > 0 ? .warmUp(steps: self.warmup, start: self.warmupStart, then: main) : main
  }

  /// The same with a schedule over all steps of the training, where it has no length of its own: what `cosine` and
  /// others need before a trainer takes them. An epoch's steps are `Sampler(of: data, batchSize: …).batchCount`.
  public func spanningSchedule(stepsPerEpoch: Int) -> Configuration {
    guard self.scheduleSteps == nil, self.schedule.maySpan else { return self }
    let (all, overflows) = self.epochs.multipliedReportingOverflow(by: stepsPerEpoch)
    var result = self
    result.scheduleSteps = [max(1, min(self.steps ?? .max, overflows ? .max : all) - self.warmup)]
    return result
  }

  /// What becomes of the optimizer's memory, where a checkpoint's is of no use: moments are Adam's and LAMB's, a velocity is SGD's.
  public func optimizerChange(from checkpoint: Checkpoint) -> String? {
    guard let old = try? Configuration(json: checkpoint.configuration, path: "").optimizer,
      old.memory != self.optimizer.memory
    else { return nil }
    return "was trained with \(old.rawValue); \(self.optimizer.rawValue) starts with no memory, at its step 0"
  }
}
