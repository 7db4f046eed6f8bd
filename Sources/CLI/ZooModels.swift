import Lockstep
import Zoo

extension Zoo {
  /// The model of that name, or an error with the nearest one.
  static func find(_ name: String) throws -> ZooModel {
    guard let model = model(name) else {
      throw ConfigurationError(
        "There is no model '\(name)'. Did you mean '\(nearest(to: name, in: models.map(\.name)))'?")
    }
    return model
  }
}

extension ModelSizes {
  /// A multiple of channels that makes a network that fits memory.
  static func checked(width: Int) throws -> Int {
    guard (1...16).contains(width) else { throw ConfigurationError("width is \(width), but must be in 1…16") }
    return width
  }
}

extension ZooModel {
  /// The book's recipe as a configuration.
  var configuration: Configuration {
    var result = Configuration(
      model: name, epochs: recipe.epochs, batchSize: recipe.batchSize, learningRate: recipe.learningRate,
      optimizer: Configuration.OptimizerName(rawValue: recipe.optimizer) ?? .sgd, weightDecay: recipe.weightDecay,
      clipNorm: recipe.clipNorm, sliceSize: recipe.sliceSize ?? .max)
    result.sizes = sizes
    if task == .language { result.sampling = recipe.isSequential ? .sequential : .random }
    return result
  }
}
