import Networks

/// Linear regression as in the book: one dense layer that starts near 0. `[batch, features]` to `[batch, outputs]`.
public func linearRegression(features: Int = 2, outputs: Int = 1) -> Sequential {
  Sequential(Linear(features, outputs, weights: .normal(standardDeviation: 0.01), biases: .constant(0)))
}

/// The book's baseline for the Kaggle competition on house prices: one dense layer. `[batch, features]` to `[batch, 1]`.
public func housePrices(features: Int = 331) -> Sequential { Sequential(Linear(features, 1)) }

/// The notes' network for the same: five hidden layers of 30 units with ReLU. `[batch, features]` to `[batch, 1]`.
public func housePricesPerceptron(features: Int = 331) -> Sequential {
  func dense(_ inputs: Int, _ outputs: Int) -> Linear {
    Linear(inputs, outputs, weights: .normal(standardDeviation: 0.01), biases: .constant(0))
  }
  return Sequential(
    dense(features, 30), ReLU(), dense(30, 30), ReLU(), dense(30, 30), ReLU(), dense(30, 30), ReLU(), dense(30, 30),
    ReLU(), dense(30, 1))
}

/// The notes' network for a noisy sine: a hidden layer of 10 units with ReLU over four points in a row. `[batch, 4]` to
/// `[batch, 1]`.
public func sinePerceptron(features: Int = 4) -> Sequential {
  Sequential(Linear(features, 10, weights: .xavierUniform), ReLU(), Linear(10, 1, weights: .xavierUniform))
}
