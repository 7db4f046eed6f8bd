import Kernels
import Lockstep
import Zoo

/// What a training is: the book's recipe or a checkpoint's configuration, and what the options say otherwise.
extension TrainCommand {
  /// The rest of an epoch is the rest of the same batches: each sample exactly once.
  func checkPosition(
    _ position: TrainingPosition, _ configuration: Configuration, _ count: Int, _ path: String
  ) throws {
    guard position.stepInEpoch > 0 else { return }
    let steps = Sampler(sampleCount: count, batchSize: configuration.batchSize).batchCount
    if position.stepInEpoch > steps {
      throw CheckpointError(path, "was saved after \(position.stepInEpoch) steps of an epoch, but \(data) has \(steps)")
    }
    if configuration.seed != position.seed {
      throw ConfigurationError("seed is \(configuration.seed), but must stay \(position.seed) to end \(path)'s epoch")
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

  func configure(_ entry: ZooModel, _ resumed: (path: String, checkpoint: Checkpoint)?) throws -> Configuration {
    var result = entry.configuration
    if let (path, checkpoint) = resumed {
      result = try Configuration(json: checkpoint.configuration, path: path)
      guard result.model == model else {
        throw CheckpointError(path, "is of the model \(result.model), not \(model)")
      }
      // The optimizer steps wanted are those of this command, not of the one that was stopped.
      result.steps = nil
    }
    try setMode(&result, resumedFrom: resumed?.path)
    if let epochs { result.epochs = epochs }
    if let steps { result.steps = steps }
    if let batchSize {
      if let (path, checkpoint) = resumed, checkpoint.position.stepInEpoch > 0, batchSize != result.batchSize {
        throw ConfigurationError("batch-size is \(batchSize), but must stay \(result.batchSize) to end \(path)'s epoch")
      }
      result.batchSize = batchSize
    }
    if let learningRate { result.learningRate = learningRate }
    if let optimizer {
      guard let name = Configuration.OptimizerName(rawValue: optimizer) else {
        throw ConfigurationError("optimizer is '\(optimizer)', but must be sgd, adam or adamw")
      }
      result.optimizer = name
    }
    if let convolution { result.convolution = try .named(convolution) }
    if let precision { result.precision = try .named(precision) }
    if let momentum { result.momentum = momentum }
    if let weightDecay { result.weightDecay = weightDecay }
    if let clipNorm { result.clipNorm = clipNorm }
    if let seed { result.seed = seed }
    try setSequences(&result, entry)
    try result.validate()
    return result
  }

  private func setSequences(_ configuration: inout Configuration, _ entry: ZooModel) throws {
    if sampling != nil || maxTokens != nil, entry.task != .language {
      throw ConfigurationError("\(sampling != nil ? "sampling" : "max-tokens") is for language models, not \(model)")
    }
    if let sampling {
      guard let kind = SequenceSampling(rawValue: sampling) else {
        throw ConfigurationError("sampling is '\(sampling)', but must be random or sequential")
      }
      configuration.sampling = kind
    }
    if let maxTokens { configuration.maxTokens = maxTokens }
  }

  /// A resumed training stays in its mode, or else its digest would be no other job's.
  private func setMode(_ configuration: inout Configuration, resumedFrom path: String?) throws {
    let shards = virtualShards ?? configuration.virtualShards
    if virtualShards != nil && !reproducible { throw ConfigurationError("virtual-shards needs --reproducible") }
    if let path, !allowModeChange, reproducible != configuration.reproducible || shards != configuration.virtualShards {
      throw ConfigurationError(
        "\(path) was saved \(Self.mode(configuration.reproducible, configuration.virtualShards)), this run is "
          + "\(Self.mode(reproducible, shards)); --allow-mode-change goes on all the same")
    }
    (configuration.reproducible, configuration.virtualShards) = (reproducible, shards)
  }

  private static func mode(_ reproducible: Bool, _ shards: Int) -> String {
    reproducible ? "in reproducible mode with \(shards) virtual shards" : "in ordinary mode"
  }
}

extension ConvolutionMethod {
  /// The method of that name on the command line.
  static func named(_ name: String) throws -> ConvolutionMethod {
    guard let method = ConvolutionMethod(rawValue: name) else {
      throw ConfigurationError("convolution is '\(name)', but must be automatic or direct")
    }
    return method
  }
}

extension Precision {
  /// The precision of that name on the command line.
  static func named(_ name: String) throws -> Precision {
    guard let precision = Precision(rawValue: name) else {
      throw ConfigurationError("precision is '\(name)', but must be float32 or bf16")
    }
    return precision
  }
}
