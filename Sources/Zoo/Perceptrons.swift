import Networks

/// Softmax regression as in the book: one dense layer. `[batch, 1, 28, 28]` to `[batch, 10]`, or samples of any other shape.
public func softmaxRegression(inputs: Int = 784, classes: Int = 10) -> Sequential {
  Sequential(Flatten(), Linear(inputs, classes, weights: .normal(standardDeviation: 0.01)))
}

/// The book's multilayer perceptron: 256 hidden units with ReLU, or layers of other widths. `[batch, 1, 28, 28]` to
/// `[batch, 10]`, or samples of any other shape. One hidden layer begins with the book's small weights; through several of them
/// such fade the signal away, so those are Glorot's.
public func perceptron(inputs: Int = 784, classes: Int = 10, hidden: [Int] = [256]) -> Sequential {
  let weights = hidden.count > 1 ? Initializer.xavierUniform : .normal(standardDeviation: 0.01)
  var layers: [Module] = [Flatten()]
  for (width, before) in zip(hidden, [inputs] + hidden) { layers += [Linear(before, width, weights: weights), ReLU()] }
  return Sequential(layers + [Linear(hidden.last ?? inputs, classes, weights: weights)])
}

/// The book's perceptron of two hidden layers with dropout. `[batch, 1, 28, 28]` to `[batch, 10]`, or samples of any other shape.
public func perceptronWithDropout(inputs: Int = 784, classes: Int = 10) -> Sequential {
  let small = Initializer.normal(standardDeviation: 0.01)
  return Sequential(
    Flatten(),
    Linear(inputs, 256, weights: small), ReLU(), Dropout(0.2),
    Linear(256, 256, weights: small), ReLU(), Dropout(0.5),
    Linear(256, classes, weights: small))
}
