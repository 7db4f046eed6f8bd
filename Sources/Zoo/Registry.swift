import Networks

/// How the book trains a model.
public struct Recipe: Sendable {
  public let epochs: Int
  public let batchSize: Int
  public let learningRate: Double
  /// Samples that go through the network at once on one core: what measures fastest, nil for a whole shard.
  public let sliceSize: Int?

  public init(epochs: Int = 10, batchSize: Int = 256, learningRate: Double, sliceSize: Int? = nil) {
    (self.epochs, self.batchSize, self.learningRate) = (epochs, batchSize, learningRate)
    self.sliceSize = sliceSize
  }
}

/// A model of the book under the name that the command line uses.
public struct ZooModel: Sendable {
  public let name: String
  public let recipe: Recipe
  /// Of one sample, `[channels, height, width]`.
  public let inputShape: [Int]
  public let classes: Int
  public let make: @Sendable (_ classes: Int) -> Module

  init(
    _ name: String, _ recipe: Recipe, inputShape: [Int] = [1, 28, 28], classes: Int = 10,
    make: @escaping @Sendable (_ classes: Int) -> Module
  ) {
    (self.name, self.recipe, self.inputShape, self.classes, self.make) = (name, recipe, inputShape, classes, make)
  }
}

/// Every model, one line each.
public enum Zoo {
  public static let models: [ZooModel] = [
    ZooModel("softmax-regression", Recipe(learningRate: 0.1)) { softmaxRegression(classes: $0) },
    ZooModel("mlp", Recipe(learningRate: 0.1)) { perceptron(classes: $0) },
    ZooModel("mlp-dropout", Recipe(learningRate: 0.5)) { perceptronWithDropout(classes: $0) },
    ZooModel("lenet", Recipe(learningRate: 0.9, sliceSize: 32)) { leNet(classes: $0) },
  ]

  public static func model(_ name: String) -> ZooModel? { models.first { $0.name == name } }

  /// The name that is closest to a misspelt one.
  public static func nearest(to name: String, in names: [String]) -> String {
    names.min { distance($0, name) < distance($1, name) } ?? ""
  }

  /// How many letters must be changed, added or left out (Levenshtein).
  static func distance(_ first: String, _ second: String) -> Int {
    let (a, b) = (Array(first.lowercased()), Array(second.lowercased()))
    var row = Array(0...b.count)
    for i in a.indices {
      var diagonal = row[0]
      row[0] = i + 1
      for j in b.indices {
        let substitution = diagonal + (a[i] == b[j] ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(substitution, row[j] + 1, row[j + 1] + 1)
      }
    }
    return row[b.count]
  }
}
