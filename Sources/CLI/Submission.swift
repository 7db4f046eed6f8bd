import Lockstep

/// Predictions in the target's own unit under the names of its table.
struct Submission {
  private let preparation: TablePreparation?
  private let targetName: String

  /// - Parameter texts: what a data set or a checkpoint says of its table.
  init(texts: [String: [String]], path: String) throws {
    preparation = try texts[RegressionWorkload.preparationKey]?.first.map { try TablePreparation(json: $0, path: path) }
    targetName = texts["target_name"]?.first ?? "prediction"
  }

  func undone(_ predictions: [Float]) -> [Float] {
    guard let preparation else { return predictions }
    return predictions.map { Float(Double($0) * preparation.targetScale + preparation.targetShift) }
  }

  /// `Id,SalePrice`: what names the rows, or their numbers from 0, and what was predicted.
  func table(_ predictions: [Float], _ identifiers: [String]?) throws -> DataFrame {
    let names = identifiers ?? predictions.indices.map { "\($0)" }
    return try DataFrame([
      Column(preparation?.identifier ?? "row", words: names),
      Column(targetName, words: undone(predictions).map { "\($0)" }),
    ])
  }
}
