import Kernels
import Lockstep

/// What a training is: the book's recipe or a checkpoint's configuration, and what the options say otherwise.
extension TrainCommand {
  /// The rest of an epoch is the rest of the same batches: each sample exactly once.
  func checkPosition(
    of resumed: (path: String, checkpoint: Checkpoint), _ configuration: Configuration, _ train: any DigestedDataset,
    _ count: Int
  ) throws {
    let position = resumed.checkpoint.position
    guard position.stepInEpoch > 0 else { return }
    var old = try Configuration(json: resumed.checkpoint.configuration, path: resumed.path)
    // Saved before there was another way, or of data that are shuffled by themselves.
    if old.shuffle == nil { old.shuffle = configuration.shuffle == nil ? nil : .full }
    if let change = configuration.changesWithinEpoch(from: old).first {
      throw ConfigurationError(
        "\(change.option) is \(change.value), but must stay \(change.old) to end \(resumed.path)'s epoch")
    }
    let steps = Sampler(sampleCount: count, batchSize: configuration.batchSize).batchCount
    if position.stepInEpoch > steps {
      throw CheckpointError(
        resumed.path, "was saved after \(position.stepInEpoch) steps of an epoch, but \(data) has \(steps)")
    }
  }

  /// What the size of the data decided belongs to the training from here on.
  func settleShuffling(of train: any Dataset, _ configuration: inout Configuration) throws {
    if let streamed = train as? Streamed {
      configuration.shuffle = streamed.shuffling
      configuration.window = streamed.window.map { ByteCount($0) }
    } else if let text = train as? TextDataset, text.sampling == .random {
      if text.shuffling == .windowed { configuration.shuffle = .windowed }
      configuration.window = text.window.map { ByteCount($0) } ?? configuration.window
    } else if configuration.shuffle == .windowed {
      if train is TextDataset {
        throw ConfigurationError("shuffle is windowed, but sequences that go on come in order")
      }
      throw ConfigurationError("shuffle is windowed, but \(data) stays in memory as a whole: leave --shuffle out")
    }
  }

  /// The rest of an epoch must be of the same samples.
  func checkSamples(of resumed: (path: String, checkpoint: Checkpoint), _ train: any DigestedDataset) throws {
    guard resumed.checkpoint.position.stepInEpoch > 0 else { return }
    let found = try train.digest
    if let known = resumed.checkpoint.metadata.trainingData, known != found {
      throw InputError(
        data,
        "/train is not that of \(resumed.path), whose epoch it can't end: expected \(known), found \(found)")
    }
  }

  /// A step of one sample has no variance that batch normalisation of features could divide by: refused before the first
  /// step, rather than at the end of the first epoch.
  func checkStatistics(of network: Module, _ configuration: Configuration, _ count: Int) throws {
    guard network.statisticians.contains(where: { $0 is BatchNorm1D }) else { return }
    let size = configuration.batchSize
    let isCutShort = configuration.steps.map { $0 <= count / size } ?? false
    if size == 1 || count % size == 1 && !isCutShort {
      throw ConfigurationError(
        "batch-size is \(size), which leaves a step of an epoch of \(count) samples with 1 sample, too few for the batch "
          + "normalisation of \(model)")
    }
  }

  /// The book's recipe or the checkpoint's configuration, with the options laid over it.
  func configure(
    _ entry: ModelEntry, _ resumed: (path: String, checkpoint: Checkpoint)?, _ weights: StoredWeights?, ranks: Int
  ) throws -> Configuration {
    let old = try resumed.map { try Configuration(json: $0.checkpoint.configuration, path: $0.path) }
    if let old, let resumed, old.model != model {
      throw CheckpointError(resumed.path, "is of the model \(old.model), not \(model)")
    }
    var given = given
    let isScaling = given["scale-batch"] != nil
    if isScaling, let old, let resumed {
      guard old.scaleBatch else {
        throw ConfigurationError("scale-batch is for a training that begins, but \(resumed.path) began without")
      }
      // What it was grown to is the training's, whatever number of ranks goes on with it.
      for option in ["batch-size", "learning-rate", "warmup", "warmup-start"] { given[option] = nil }
    }
    var base = old ?? entry.recipe
    // A checkpoint of this model knows how wide it is.
    if let json = weights?.checkpoint?.configuration, let known = try? Configuration(json: json, path: ""),
      known.model == model
    {
      base.sizes = known.sizes
    }
    // The optimizer steps wanted are those of this command, not of the one that was stopped.
    base.steps = nil
    // What one choice needed says nothing of another.
    if given["schedule"] != nil { (base.scheduleSteps, base.scheduleMetric) = (nil, nil) }
    if let name = given["optimizer"].flatMap(Configuration.OptimizerName.init(text:)) { base = base.choosing(name) }
    var result = try base.with(given)
    try setMode(&result, from: old, resumed?.path)
    try setDistribution(&result)
    try checkGroups(entry.task)
    if isScaling && old == nil { result = try result.scaled(by: ranks) }
    try result.validate()
    return result
  }

  /// Some settings are for one kind of data.
  private func checkGroups(_ task: any LearningTask) throws {
    func takes(_ group: any Settings.Type) -> Bool { task.settings.contains { $0 == group } }
    if let option = sequences.given.keys.max(), !takes(SequenceSettings.self) {
      throw ConfigurationError("\(option) is for language models, not \(model)")
    }
    if !images.given.isEmpty && !takes(ImageSettings.self) {
      throw ConfigurationError(
        "random-crop, random-flip, augment and normalize are for images, which \(model) does not take")
    }
  }

  /// A resumed training stays in its mode, or else its digest would be no other job's.
  private func setMode(_ configuration: inout Configuration, from old: Configuration?, _ path: String?) throws {
    configuration.reproducible = given["reproducible"] != nil
    if !configuration.reproducible && given["audit"] == nil { configuration.audit = nil }
    if given["virtual-shards"] != nil && !configuration.reproducible {
      throw ConfigurationError("virtual-shards needs --reproducible")
    }
    guard let old, let path, !allowModeChange, Self.mode(old) != Self.mode(configuration) else { return }
    throw ConfigurationError(
      "\(path) was saved \(Self.mode(old)), this run is \(Self.mode(configuration)); "
        + "--allow-mode-change goes on all the same")
  }

  /// Where the optimizer's memory lies is of the job, not of the training: any job can go on from any checkpoint.
  private func setDistribution(_ configuration: inout Configuration) throws {
    configuration.shardOptimizer = given["shard-optimizer"] != nil
    if given["compression-rank"] != nil && configuration.compression != .powersgd {
      throw ConfigurationError("compression-rank needs --compression powersgd")
    }
    for name in ["outer-learning-rate", "outer-momentum"] where given[name] != nil && configuration.localSteps == 0 {
      throw ConfigurationError("\(name) needs --local-steps")
    }
  }

  private static func mode(_ configuration: Configuration) -> String {
    configuration.reproducible
      ? "in reproducible mode with \(configuration.virtualShards) virtual shards" : "in ordinary mode"
  }
}
