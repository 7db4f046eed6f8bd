import ArgumentParser
import Lockstep

struct BenchmarkCommand<Tool: LockstepTool>: JobCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "benchmark", abstract: "Measures training steps (fetch, forward, backward, allreduce, update).")
  }

  @Argument(help: "A model; `lockstep models` lists them.", completion: .models(of: Tool.self)) var model: String
  @Option(help: "Steps that are measured, after a few that are not.") var steps = 30
  @Option(help: "Samples of one step, over all ranks together.") var batchSize: Int?
  @Option(help: "Measures one shuffled epoch of this dataset through the loader alone, no training.", completion: .hdf5)
  var loader: String?
  @Option(help: "Measures how fast a language model adds so many tokens to a first one, no training.")
  var generate: Int?
  @Flag(help: "Measures reproducible mode.") var reproducible = false
  @Flag(help: "Also prints what of a step its bare convolutions and matrix products take, and what the rest is.")
  var roof = false
  @Flag(help: "Also prints what each layer's time goes to, forward and backward.") var profile = false
  @Flag(help: "Prints one line of JSON.") var json = false
  @OptionGroup(title: "Model") var sizing: SizeOptions
  @OptionGroup(title: "Loading") var loading: SettingOptions<LoadingSettings>
  @OptionGroup(title: "Ranks") var distribution: SettingOptions<DistributionSettings>
  @OptionGroup(title: "Kernels") var kernelling: SettingOptions<KernelSettings>
  @OptionGroup(title: "Trace") var tracing: TraceOptions

  private static var warmUpSteps: Int { StepProfiler.skippedSteps }

  func validate() throws {
    if !(1...1_000_000).contains(steps) { throw ValidationError("--steps is \(steps), but must be in 1…1000000") }
    if let generate, !(1...1_000_000).contains(generate) {
      throw ValidationError("--generate is \(generate), but must be in 1…1000000")
    }
    if loader != nil && tracing.trace != nil {
      throw ValidationError("--loader measures no steps, which --trace needs")
    }
    guard roof || profile else { return }
    if loader != nil || generate != nil {
      let other = loader != nil ? "loader" : "generate"
      throw ValidationError("--\(other) measures no steps, which --roof and --profile need")
    }
    if tracing.trace != nil { throw ValidationError("--trace goes neither with --roof nor with --profile") }
  }

  func run() throws {
    let entry = try Tool.registry().find(model)
    let communicator = try joinJob()
    var configuration = try entry.recipe.with(kernelling.given).with(loading.given).with(distribution.given)
    if let batchSize { configuration.batchSize = batchSize }
    configuration.sizes = try sizing.applied(to: configuration.sizes, of: entry, Tool.registry())
    guard configuration.batchSize <= (1 << 30) / entry.inputShape(configuration.sizes).reduce(1, *) else {
      throw ConfigurationError(
        "batch-size is \(configuration.batchSize), but must be less than 1 GiB of \(model)'s inputs")
    }
    configuration.reproducible = reproducible
    (configuration.epochs, configuration.steps) = (1, steps + Self.warmUpSteps)
    configuration = configuration.spanningSchedule(stepsPerEpoch: steps + Self.warmUpSteps)
    try configuration.validate()
    if let loader {
      let data = try communicator.agreeing("open", at: .starting) {
        try entry.open(loader, configuration).split("train", configuration, isTraining: true)
      }
      return try measureLoader(data, configuration, communicator)
    }
    if let generate { return try measureGenerating(generate, entry, configuration, communicator) }
    let (dataset, objective) = try entry.task.synthetic(for: entry, configuration)
    let recorder = try tracing.begin(over: communicator)
    let trainer = try Trainer(entry.make(configuration.sizes), objective, configuration, on: communicator)
    recorder?.open(trainer)
    if roof || profile { trainer.checks.profiler = StepProfiler(of: trainer.model) }
    let (stepSeconds, times) = try measure(trainer, dataset)
    try tracing.write(recorder, over: communicator, quiet: json)
    let median = stepSeconds.sorted()[stepSeconds.count / 2]
    // All ranks at once, as they compute.
    let report: ProfileReport? = try communicator.agreeing("roof", at: .computing) { try makeReport(trainer, median) }
    let rate = Double(dataset.weight(of: Array(0..<configuration.batchSize))) / median
    guard communicator.isRoot else { return }
    if json {
      let details = try report.map { ",\"profile\":" + (try $0.stableJSON()) } ?? ""
      print(
        "{\"model\":\"\(model)\",\"ranks\":\(communicator.size),\"threads\":\(Threads.perRank),"
          + "\"batch_size\":\(configuration.batchSize),\"steps\":\(steps),\"\(objective.unit)_per_second\":\(rate),"
          + "\"step_ms_median\":\(median * 1e3),\"step_ms_min\":\((stepSeconds.min() ?? 0) * 1e3),"
          + "\"peak_memory_mb\":\(Double(peakMemoryBytes()) / 1_048_576)\(details)}")
    } else {
      print(
        "\(model): \(ProgressPrinter.grouped(rate)) \(objective.unit)/s, batch \(configuration.batchSize), "
          + "\(communicator.size) rank(s) of \(Threads.perRank) thread(s)")
      guard let report else { return show(times) }
      let parts = report.partLines(rank: communicator.rank, of: communicator.size)
      for line in (profile ? report.layerLines : []) + parts { print(line) }
    }
  }

  private func measureLoader(_ data: any Dataset, _ configuration: Configuration, _ communicator: Communicator) throws {
    let data = data.arranged(epoch: 0, batchSize: configuration.batchSize, seed: configuration.seed)
    let sampler = Sampler(of: data, batchSize: configuration.batchSize, seed: configuration.seed)
    let sharding = configuration.sharding(communicator)
    let start = monotonicSeconds()
    try communicator.share([data])
    let loader = Loader(data, sampler, epoch: 0) { sharding.slices(of: $0) }
    var samples = 0
    while let batch = try loader.next() { samples += batch.slices.reduce(0) { $0 + $1.samples.count } }
    let seconds = monotonicSeconds() - start
    guard communicator.isRoot else { return }
    if json {
      print("{\"samples\":\(samples),\"seconds\":\(seconds),\"examples_per_second\":\(Double(samples) / seconds)}")
    } else {
      print("loader: \(samples) samples of \(data.count) in \(seconds) s")
    }
  }

  /// The most probable token again and again, as `lockstep generate` has it; the median of several texts, after one that warms up.
  private func measureGenerating(
    _ count: Int, _ entry: ModelEntry, _ configuration: Configuration, _ communicator: Communicator
  ) throws {
    guard let network = entry.make(configuration.sizes) as? any SequenceModel else {
      throw ConfigurationError("--generate is for language models, which \(model) is not")
    }
    network.initializeAll(seed: configuration.seed)
    let seconds = try configuration.kernels.run {
      try network.evaluateOnce {
        try (0..<6).map { _ in
          let start = monotonicSeconds()
          _ = try network.generate([0], length: count)
          return monotonicSeconds() - start
        }
      }
    }
    let rate = Double(count) / seconds.dropFirst().sorted()[2]
    guard communicator.isRoot else { return }
    if json {
      print("{\"model\":\"\(model)\",\"tokens\":\(count),\"tokens_per_second\":\(rate)}")
    } else {
      print("\(model): \(ProgressPrinter.grouped(rate)) tokens/s, \(count) one after another")
    }
  }

  /// Seconds of each step and where they went, on this rank.
  private func measure(_ trainer: Trainer, _ data: any Dataset) throws -> ([Double], StepTimes) {
    let size = trainer.configuration.batchSize
    let data = data.arranged(epoch: 0, batchSize: size, seed: 0)
    let sampler = Sampler(of: data, batchSize: size)
    var seconds: [Double] = []
    var before = trainer.times
    var epoch = 0
    while seconds.count < steps + Self.warmUpSteps {
      let loader = trainer.loader(data, sampler, epoch: epoch)
      defer { loader.cancel() }
      epoch += 1
      while seconds.count < steps + Self.warmUpSteps {
        let start = monotonicSeconds()
        guard let batch = try trainer.fetch(loader) else { break }
        try trainer.step(batch)
        seconds.append(monotonicSeconds() - start)
        if seconds.count == Self.warmUpSteps { before = trainer.times }
      }
    }
    return (Array(seconds.dropFirst(Self.warmUpSteps)), trainer.times - before)
  }

  private func makeReport(_ trainer: Trainer, _ median: Double) throws -> ProfileReport? {
    guard let profiler = trainer.checks.profiler else { return nil }
    var report = ProfileReport(profiler.profile)
    if roof { try report.measureRoof(trainer.configuration.kernels, medianSeconds: median) }
    return report
  }

  private func show(_ times: StepTimes) {
    let parts: [(String, Double)] = [
      ("fetch", times.fetch), ("forward", times.forward), ("backward", times.backward),
      ("allreduce wait", times.allreduceWait), ("update", times.update),
    ]
    for (name, seconds) in parts {
      let share = Int((100 * seconds / max(times.total, 1e-12)).rounded())
      print(Table.row("  " + name, "\((seconds / Double(steps) * 1e6).rounded()) µs", "\(share) %"))
    }
  }
}
