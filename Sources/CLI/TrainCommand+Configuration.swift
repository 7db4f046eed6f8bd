import Kernels
import Lockstep
import Zoo

/// What a training is: the book's recipe or a checkpoint's configuration, and what the options say otherwise.
extension TrainCommand {
  /// The rest of an epoch is the rest of the same batches: each sample exactly once.
  func checkPosition(
    of resumed: (path: String, checkpoint: Checkpoint), _ configuration: Configuration, _ train: any DigestedDataset,
    _ count: Int
  ) throws {
    let position = resumed.checkpoint.position
    guard position.stepInEpoch > 0 else { return }
    let old = try Configuration(json: resumed.checkpoint.configuration, path: resumed.path)
    if let change = configuration.changesWithinEpoch(from: old).first {
      throw ConfigurationError(
        "\(change.option) is \(change.value), but must stay \(change.old) to end \(resumed.path)'s epoch")
    }
    let steps = Sampler(sampleCount: count, batchSize: configuration.batchSize).batchCount
    if position.stepInEpoch > steps {
      throw CheckpointError(
        resumed.path, "was saved after \(position.stepInEpoch) steps of an epoch, but \(data) has \(steps)")
    }
    if let known = resumed.checkpoint.texts[Self.digestKey], known != [train.digest] {
      throw InputError(
        data,
        "/train is not that of \(resumed.path), whose epoch it can't end: expected \(known.first ?? "none"), "
          + "found \(train.digest)")
    }
  }

  /// Where checkpoints keep which data they were trained on.
  static var digestKey: String { "training_data" }

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
  func configure(_ entry: ZooModel, _ resumed: (path: String, checkpoint: Checkpoint)?) throws -> Configuration {
    let old = try resumed.map { try Configuration(json: $0.checkpoint.configuration, path: $0.path) }
    if let old, let resumed, old.model != model {
      throw CheckpointError(resumed.path, "is of the model \(old.model), not \(model)")
    }
    let given = given
    var base = old ?? entry.configuration
    // The optimizer steps wanted are those of this command, not of the one that was stopped.
    base.steps = nil
    // What one choice needed says nothing of another.
    if given["schedule"] != nil { base.scheduleSteps = nil }
    if let name = given["optimizer"], name != Configuration.OptimizerName.sgd.rawValue {
      (base.momentum, base.nesterov) = (0, false)
    }
    var result = try base.with(given)
    try setMode(&result, from: old, resumed?.path)
    if let option = sequences.given.keys.max(), entry.task != .language {
      throw ConfigurationError("\(option) is for language models, not \(model)")
    }
    try result.validate()
    return result
  }

  /// A resumed training stays in its mode, or else its digest would be no other job's.
  private func setMode(_ configuration: inout Configuration, from old: Configuration?, _ path: String?) throws {
    configuration.reproducible = given["reproducible"] != nil
    if given["virtual-shards"] != nil && !configuration.reproducible {
      throw ConfigurationError("virtual-shards needs --reproducible")
    }
    guard let old, let path, !allowModeChange, Self.mode(old) != Self.mode(configuration) else { return }
    throw ConfigurationError(
      "\(path) was saved \(Self.mode(old)), this run is \(Self.mode(configuration)); "
        + "--allow-mode-change goes on all the same")
  }

  private static func mode(_ configuration: Configuration) -> String {
    configuration.reproducible
      ? "in reproducible mode with \(configuration.virtualShards) virtual shards" : "in ordinary mode"
  }
}
