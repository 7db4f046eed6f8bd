import Lockstep

/// What a training is made of, by its options and files.
extension TrainCommand {
  /// All that a rank needs before the first collective of the training.
  struct Job {
    let entry: ModelEntry
    let data: any TaskData
    let configuration: Configuration
    /// The same before the schedule was given the training's length.
    let asked: Configuration
    let network: Module
    let objective: any Objective
    var metadata: Metadata
    let train: any DigestedDataset
    let validation: (any DigestedDataset)?
    let test: (any DigestedDataset)?
    let resumed: (path: String, checkpoint: Checkpoint)?
    /// What was taken of the weights that it begins with, and what is frozen.
    let weightLines: [String]
    /// Whether the job goes on by itself from where an earlier start of it had come to.
    let isRecovered: Bool
    let saving: CheckpointPlan?
    let snapshots: CheckpointPlan?
    var observers: [any TrainingObserver] = []
  }

  /// Two calls: what is in the files decides how much memory the data need, and what is in memory whose they are.
  func makeJob(_ communicator: Communicator) throws -> Job {
    let recovered = try recovered(communicator)
    var job = try communicator.agreeing("start", at: .starting) { try prepare(communicator, recovered) }
    let identity = try communicator.agreeing("start", at: .starting) {
      try job.resumed.map { try checkSamples(of: $0, job.train) }
      job.metadata.trainingData = try job.train.digest
      job.observers = try observers(job, communicator)
      return communicator.size > 1 ? try self.identity(job) : []
    }
    // Only what is the same on all ranks may be shared by them.
    try Replicas.agree(identity, over: communicator)
    try communicator.share([job.train, job.validation, job.test])
    return job
  }

  private func prepare(
    _ communicator: Communicator, _ recovered: (path: String, checkpoint: Checkpoint)?
  ) throws -> Job {
    let entry = try Tool.registry().find(model)
    let resumed =
      try recovered
      ?? resumedPlace.map { path in
        try CheckpointFolder.load(path) { if communicator.isRoot { Console.warn($0) } }
      }
    let weights = try startingWeights(resumed, isRecovered: recovered != nil)
    var configuration = try configure(entry, resumed, weights, ranks: communicator.size)
    configuration.sizes = try sizing.applied(to: configuration.sizes, of: entry, Tool.registry())
    let opened = try entry.open(data, configuration)
    try resumed.map { try opened.checkVocabularies(data, against: $0.checkpoint.metadata, of: $0.path) }
    configuration.sizes = configuration.sizes.fitted(to: opened.sizes)
    try checkTableOptions(entry, opened)
    if !images.given.isEmpty { try opened.complete(&configuration) }
    let splits = try Splits(opened, configuration)
    try settleShuffling(of: splits.train, &configuration)
    let train = splits.weighted
    if !opened.isLabelled("train") { throw InputError(data, "/train has no targets to learn from") }
    if train.count == 0 { throw InputError(data, "/train holds no samples") }
    let samples = train.arranged(epoch: 0, batchSize: configuration.batchSize, seed: configuration.seed).count
    try resumed.map { try checkPosition(of: $0, configuration, train, samples) }
    let stepsPerEpoch = Sampler(sampleCount: samples, batchSize: configuration.batchSize).batchCount
    if configuration.scaleBatch && resumed == nil {
      configuration = configuration.warmedUp(from: communicator.size, stepsPerEpoch: stepsPerEpoch)
    }
    let asked = configuration
    configuration = asked.spanningSchedule(stepsPerEpoch: stepsPerEpoch)
    let network = entry.make(configuration.sizes)
    try entry.task.check(network, model, train, configuration.sizes)
    try checkStatistics(of: network, configuration, samples)
    network.initializeAll(seed: configuration.seed)
    let lines = try begin(network, configuration, weights, warns: communicator.isRoot)
    return Job(
      entry: entry, data: opened, configuration: configuration, asked: asked, network: network,
      objective: opened.objective, metadata: opened.metadata, train: train, validation: splits.validation,
      test: splits.test, resumed: resumed, weightLines: lines,
      isRecovered: recovered != nil,
      saving: try savingPlan(resumed, isRecovered: recovered != nil, communicator), snapshots: try snapshotPlan())
  }

  /// Options beside the configuration, and inputs, that must be the same on all ranks.
  private func identity(_ job: Job) throws -> [String] {
    let start = try job.resumed.map {
      "step \($0.checkpoint.position.step) with model \(try $0.checkpoint.modelDigest())"
    }
    let weights = job.weightLines.isEmpty ? "none" : try Checkpoint.digest(job.network.state)
    return [
      "checkpoint \(checkpoint ?? "none")", "checkpoint-every \(checkpointEvery ?? "default")",
      "overwrite \(overwrite)", "keep \(keep ?? 0)", "keep-every \(keepEvery ?? "none")",
      "keep-best \(keepBest ?? "default")", "snapshot-every \(snapshotEvery ?? "default")",
      "resume \(start ?? "none")", "check-numerics \(checkNumerics)", "folds \(folds ?? 0)",
      "submission \(submission ?? "none")", "dry-run \(dryRun)", "build \(try Build.digest())",
      "training data \(try job.train.digest)", "test data \(try job.test?.digest ?? "none")", "weights \(weights)",
    ] + tracing.identity + logging.identity
  }

  private func observers(_ job: Job, _ communicator: Communicator) throws -> [any TrainingObserver] {
    var result: [any TrainingObserver] = verbose ? [StepPrinter()] : []
    guard communicator.isRoot else { return result }
    if dryRun {
      try checkPlaces()
      return result
    }
    if !quiet { result.append(ProgressPrinter()) }
    if let plot {
      result.append(try CurvePlotter(plot, title: "\(model), batch \(job.configuration.batchSize)", warn: Console.warn))
    }
    let samples = (job.train as? Weighted)?.whole ?? job.train
    if let data = ((samples as? Mixed)?.whole ?? samples) as? Streamed {
      result.append(BadChunkTeller(data, warn: Console.warn))
    }
    let position = job.resumed?.checkpoint.position
    if let logger = try logging.open(model, job.objective, resumingAt: position) { result.append(logger) }
    // Last, as it empties the file of an earlier training.
    if let metrics {
      result.append(try MetricsWriter(metrics, resumingAt: position, warn: Console.warn))
    }
    return result
  }
}
