import Failures
import Lockstep

/// A trained model as its checkpoint holds it.
struct OpenedModel {
  let entry: ModelEntry
  let network: Module
  let configuration: Configuration
  let path: String
  let metadata: Metadata

  init(_ path: String, _ registry: Registry, _ weights: WeightOptions) throws {
    let (file, checkpoint) = try CheckpointFolder.load(path) { Console.warn($0) }
    configuration = try Configuration(json: checkpoint.configuration, path: file)
    guard let entry = registry[configuration.model] else {
      throw CheckpointError(file, "is of a model \"\(configuration.model)\" that this \(Console.tool) does not know")
    }
    if let fault = try Checkpoint.firstNotFinite(weights.ema ? checkpoint.average : checkpoint.model) {
      throw CheckpointError(file, "\(fault): it can't answer anything", kind: .internalError)
    }
    (self.entry, self.path, metadata) = (entry, file, checkpoint.metadata)
    try configuration.validate()
    try Self.check(configuration.sizes, against: checkpoint.model, file)
    network = entry.make(configuration.sizes)
    do {
      try network.load(Dictionary(uniqueKeysWithValues: checkpoint.model))
      if weights.ema {
        if checkpoint.average.isEmpty {
          throw ConfigurationError("\(file) holds no average: it was trained without --ema")
        }
        let average = WeightAverage(of: network.namedParameters, decay: 0)
        try average.restore(checkpoint.average)
        average.use()
      }
    } catch let error as ConfigurationError {
      throw error
    } catch {
      throw CheckpointError(file, "\(error)")
    }
  }

  /// Throws where the sizes are not those of the tensors: the network would take any memory before they are compared.
  private static func check(
    _ sizes: ModelSizes, against model: [(name: String, tensor: Tensor)], _ path: String
  ) throws {
    let (longest, usual) = (model.flatMap { $0.tensor.shape.extents }.max() ?? 0, ModelSizes())
    let all: KeyValuePairs<String, KeyPath<ModelSizes, Int>> = [
      "classes": \.classes, "channels": \.channels, "features": \.features, "vocabulary": \.vocabulary,
      "targetVocabulary": \.targetVocabulary, "width": \.anyWidth, "outputs": \.outputs,
    ]
    for (name, size) in all where sizes[keyPath: size] != usual[keyPath: size] {
      guard (1...max(longest, 1)).contains(sizes[keyPath: size]) else {
        throw CheckpointError(
          path,
          "\(name) is \(sizes[keyPath: size]) in its configuration, but no axis of its tensors is longer than \(longest)"
        )
      }
    }
    try checkChoices(sizes, longest, tensors: model.count, path)
    let hidden = sizes.hidden ?? []
    let inputs = sizes.inputCount(or: 1)
    guard (1...max(longest, 1)).contains(inputs), hidden.count <= model.count,
      hidden.allSatisfy({ (1...max(longest, 1)).contains($0) })
    else {
      throw CheckpointError(
        path, "inputs and hidden are \(sizes.inputs ?? []) and \(hidden) in its configuration, but not in its tensors")
    }
  }

  /// The sizes of a Transformer.
  private static func checkChoices(_ sizes: ModelSizes, _ longest: Int, tensors: Int, _ path: String) throws {
    let (layers, heads, context) = (sizes.layers ?? 1, sizes.heads ?? 1, sizes.context ?? 1)
    guard (1...max(tensors, 1)).contains(layers), (1...max(longest, 1)).contains(context), heads >= 1,
      sizes.anyWidth % heads == 0, (0..<1).contains(sizes.dropout ?? 0), isCut(sizes, longest)
    else {
      throw CheckpointError(
        path,
        "layers, heads, context and dropout are \(layers), \(heads), \(context) and \(sizes.dropout ?? 0) in its "
          + "configuration\(sizes.side.map { ", side \($0), patch \(sizes.patch ?? 0)" } ?? ""), which its tensors are not of"
      )
    }
  }

  /// Whether patches tile images, and are no more than there are positions.
  private static func isCut(_ sizes: ModelSizes, _ longest: Int) -> Bool {
    guard let side = sizes.side, let patch = sizes.patch else { return sizes.side == nil && sizes.patch == nil }
    guard (1...max(longest, 1)).contains(patch), side > 0, side % patch == 0 else { return false }
    let patches = (side / patch).multipliedReportingOverflow(by: side / patch)
    return !patches.overflow && patches.partialValue < longest
  }

  /// Opens a data set for this model, and checks that it was trained on such data.
  func open(_ data: String) throws -> any TaskData {
    let opened = try entry.open(data, configuration)
    try opened.checkVocabularies(data, against: metadata, of: path)
    let (found, known) = (opened.sizes, configuration.sizes)
    if found.classes > known.classes {
      throw InputError(data, "has \(found.classes) classes, but \(path) knows \(known.classes)")
    }
    if found.features != known.features {
      throw InputError(data, "has \(found.features) features, but \(path) was trained on \(known.features)")
    }
    if found.channels != known.channels {
      throw InputError(data, "has images of \(found.channels) channels, but \(path) was trained on \(known.channels)")
    }
    let (shape, wanted) = (shape(found), shape(known))
    if entry.flattens && shape != wanted {
      throw InputError(data, "has samples of the shape \(shape), but \(path) was trained on \(wanted)")
    }
    return opened
  }

  /// Of one sample.
  private func shape(_ sizes: ModelSizes) -> [Int] {
    sizes.inputs ?? [sizes.channels] + entry.inputShape(configuration.sizes).dropFirst()
  }

  /// All ranks must have read the same model and data.
  func evaluator(
    of dataset: any DigestedDataset, _ objective: any Objective, _ communicator: Communicator
  ) throws -> Evaluator {
    if communicator.size > 1 {
      let model = try Checkpoint.digest(network.state)
      try Replicas.agree(["data \(try dataset.digest)", "model \(model)"], over: communicator)
    }
    let sharding = Sharding(
      rank: communicator.rank, rankCount: communicator.size, sliceSize: min(configuration.sliceSize, 256))
    var evaluator = Evaluator(network, objective, sharding, communicator, configuration.kernels)
    let line = WorkLine("computing", isShown: communicator.isRoot && isShownOnTerminal)
    evaluator.progress = { line.draw($0) }
    return evaluator
  }
}

/// An answer that is no number, which all ranks know of.
struct NotFiniteAnswer: Failure {
  let description: String
  init(_ description: String) { self.description = description }
  var kind: FailureKind { .internalError }
  var isAgreed: Bool { true }
}

extension TaskData {
  /// What a model is judged by unless a split is named: what it was not trained on, where there is any.
  var usualSplit: String {
    splitNames == ["train"] ? "train" : ["test", "validation"].first(where: splitNames.contains) ?? "test"
  }
}

extension ModelSizes {
  fileprivate var anyWidth: Int { width ?? 1 }
}
