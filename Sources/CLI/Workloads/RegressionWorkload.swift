import Lockstep
import Zoo

/// Rows of a table.
struct RegressionWorkload: Workload {
  /// Where checkpoints keep how the raw table was prepared.
  static let preparationKey = "preparation"

  private let splits: [String: TableSplit]
  let sizes: ModelSizes
  let objective: any Objective
  let texts: [String: [String]]
  let splitNames: [String]
  private let path: String

  init(_ path: String, for model: ZooModel) throws {
    let file = try TableFile(path)
    splits = Dictionary(uniqueKeysWithValues: try file.splitNames.map { ($0, try file.split($0)) })
    splitNames = file.splitNames
    sizes = .features(file.featureNames.count)
    let preparation = file.preparation
    objective = Regression(
      isLogarithmic: model.recipe.isLogarithmic, scale: preparation?.targetScale ?? 1,
      shift: preparation?.targetShift ?? 0)
    var texts = ["feature_names": file.featureNames, "target_name": [file.targetName]]
    texts[Self.preparationKey] = try file.preparation.map { [try $0.json()] }
    (self.texts, self.path) = (texts, path)
  }

  func split(_ name: String) throws -> any DigestedDataset { TableDataset(try table(name)) }

  func isLabelled(_ split: String) -> Bool { splits[split]?.targets != nil }

  /// What names the rows of a split.
  func identifiers(_ name: String) throws -> [String]? { try table(name).identifiers }

  private func table(_ name: String) throws -> TableSplit {
    guard let split = splits[name] else {
      throw InputError(path, "has no split \"\(name)\"; it has: \(splits.keys.sorted().joined(separator: ", "))")
    }
    return split
  }
}

/// Random rows in memory, of a model's features.
struct SyntheticRows: Dataset {
  private let rows: TableDataset
  var count: Int { rows.count }

  init(_ entry: ZooModel, _ batchSize: Int) throws {
    let features = entry.sizes.features
    let count = max(batchSize, min(100 * batchSize, (64 << 20) / features))
    let data = SyntheticLinearData(weights: [Double](repeating: 1, count: features), bias: 1, noise: 0.1)
    rows = TableDataset(try data.split(rows: count))
  }

  func batch(_ samples: [Int]) throws -> Batch { try rows.batch(samples) }
}
