import Checkpoints
import Datasets
import Networks
import Tensors

/// Rows of a table or of an array, and a number or several to predict for each.
public struct RegressionTask: LearningTask {
  /// Whether predictions are judged by their logarithms.
  public let isLogarithmic: Bool

  /// Shorter: `.regression` and `.logarithmicRegression`.
  public init(isLogarithmic: Bool = false) { self.isLogarithmic = isLogarithmic }

  public var name: String { TableFile.task }
  public var outputName: String? { "predictions" }

  public func sizes(of inputShape: [Int]) -> ModelSizes { .features(inputShape.first ?? 1) }
  public func outputShape(_ samples: Int, _ sizes: ModelSizes) -> [Int]? { [samples, sizes.outputs] }

  public func open(_ path: String, for model: ModelEntry, _ configuration: Configuration) throws -> any TaskData {
    guard let arrays = try ArrayFile.open(path), arrays.layout == .arrays else {
      return try RegressionData(path, isLogarithmic: isLogarithmic)
    }
    var sizes = ModelSizes()
    switch arrays.outputs {
    case .numbers(let count): sizes.outputs = count
    case .unknown: sizes.outputs = configuration.sizes.outputs
    case .classes:
      throw InputError(path, "has integers for targets, which are classes, but \(model.name) predicts numbers: floats")
    }
    let objective = Regression(isLogarithmic: isLogarithmic)
    return try ArrayData(arrays, for: model, objective, sizes, taking: model.inputShape)
  }

  public func synthetic(
    for model: ModelEntry, _ configuration: Configuration
  ) throws -> (dataset: any Dataset, objective: any Objective) {
    let features = model.sizes.features
    let count = max(configuration.batchSize, min(100 * configuration.batchSize, (64 << 20) / features))
    let data = SyntheticLinearData(weights: [Double](repeating: 1, count: features), bias: 1, noise: 0.1)
    return (TableDataset(try data.split(rows: count)), Regression(isLogarithmic: isLogarithmic))
  }

  public func pass(of network: Module, _ model: ModelEntry, _ sizes: ModelSizes, samples: Int) throws -> ForwardPass {
    let key = RandomKey(seed: UInt64(samples), .synthesis)
    let input = Tensor.normal(Shape([samples] + (sizes.inputs ?? [sizes.features])), key: key)
    return ForwardPass([("input", input)], to: "predictions") { network(input) }
  }

  /// In the target's own unit.
  public func predictions(_ outputs: [Float], _ metadata: Metadata, path: String) throws -> [Float] {
    guard let preparation = try TablePreparation(of: metadata, path) else { return outputs }
    return outputs.map { Float(Double($0) * preparation.targetScale + preparation.targetShift) }
  }

  /// `Id,SalePrice`: what names the rows, or their numbers from 0, and what was predicted; of several numbers each with its
  /// position, `prediction_0,prediction_1`.
  public func table(
    of outputs: [Float], width: Int, names: [String]?, _ metadata: Metadata, path: String
  ) throws -> DataFrame? {
    let (values, count) = (try predictions(outputs, metadata, path: path), outputs.count / max(width, 1))
    let (rows, name) = (names ?? (0..<count).map { "\($0)" }, metadata.targetName ?? "prediction")
    let columns = (0..<width).map { place in
      Column(
        width == 1 ? name : "\(name)_\(place)",
        words: stride(from: place, to: values.count, by: max(width, 1)).map { "\(values[$0])" })
    }
    return try DataFrame([Column(try TablePreparation(of: metadata, path)?.identifier ?? "row", words: rows)] + columns)
  }

  public func rows(
    ofCSV data: String, _ metadata: Metadata, path: String
  ) throws -> (dataset: any DigestedDataset, names: [String]?)? {
    guard let preparation = try TablePreparation(of: metadata, path) else {
      throw CheckpointError(path, "was not trained on a converted CSV file: it can't prepare \(data)")
    }
    return try preparation.rows(ofCSV: data)
  }
}

extension TablePreparation {
  /// As a checkpoint keeps it; nil for a model that was not trained on a prepared table.
  init?(of metadata: Metadata, _ path: String) throws {
    guard let json = metadata.preparation else { return nil }
    try self.init(json: json, path: path)
  }

  /// The rows of a raw CSV file, prepared as the training's were.
  func rows(ofCSV data: String) throws -> (dataset: any DigestedDataset, names: [String]?) {
    let table = try DataFrame(csv: data)
    let split = TableSplit(features: try features(of: table, data), width: featureNames.count, targets: nil)
    return (TableDataset(split), identifiers(of: table))
  }
}

extension LearningTask where Self == RegressionTask {
  /// Rows of a table, and a number to predict for each.
  public static var regression: RegressionTask { RegressionTask() }
  /// The same, judged by the logarithms of the predictions: for prices.
  public static var logarithmicRegression: RegressionTask { RegressionTask(isLogarithmic: true) }
}

private struct RegressionData: TaskData {
  private let file: TableFile
  let objective: any Objective
  let metadata: Metadata

  init(_ path: String, isLogarithmic: Bool) throws {
    file = try TableFile(path)
    var metadata = Metadata()
    (metadata.featureNames, metadata.targetName) = (file.featureNames, file.targetName)
    let preparation = file.preparation
    metadata.preparation = try preparation.map { try $0.json() }
    objective = Regression(
      isLogarithmic: isLogarithmic, scale: preparation?.targetScale ?? 1, shift: preparation?.targetShift ?? 0)
    self.metadata = metadata
  }

  var sizes: ModelSizes { .features(file.featureNames.count) }
  var splitNames: [String] { file.splitNames }

  func split(_ name: String) throws -> any DigestedDataset { try file.dataset(name) }
  func split(_ name: String, _ configuration: Configuration, isTraining: Bool) throws -> any DigestedDataset {
    try file.dataset(name, configuration.loading.options, isTraining: isTraining)
  }
  func isLabelled(_ split: String) -> Bool { file.isLabelled(split) }
  func names(_ split: String) throws -> [String]? { try file.identifiers(split) }
}
