import Lockstep

/// Chapters 3.6 and 3.7: softmax regression on Fashion-MNIST, from scratch and concise.
func softmaxRegressionChapter(_ page: Page, _ images: FashionMNIST) {
  pieces(page)
  let epochs = page.isQuick ? 1 : 10
  let w = Tensor.normal([784, 10], standardDeviation: 0.01, key: RandomKey(seed: 1)).requiringGradient()
  let b = Tensor.zeros([10]).requiringGradient()
  func classify(_ x: Tensor) -> Tensor { softmax(x.flattened().matmul(w) + b) }
  for epoch in page.epochs(epochs) {
    for batch in page.batches(of: images.train, 256, epoch: epoch) {
      page.backward(crossEntropyOfShares(classify(batch.inputs), batch.targets).sum())
      sgd([w, b], 0.1, batchSize: batch.samples.count)
    }
  }
  let scratch = accuracy(page, images.test, classify)
  page.expect("from scratch, accuracy above 0.7 after \(epochs) epoch(s)", scratch > 0.7, "\(scratch)")

  let network = Sequential(Flatten(), Linear(784, 10, weights: .normal(standardDeviation: 0.01)))
  judge(page, "softmax concise", network, learningRate: 0.1, epochs, images)
}

/// The book's own bounds: train loss under 0.5, accuracies above 0.7; after one epoch the test's accuracy only.
func judge(
  _ page: Page, _ what: String, _ network: Module, learningRate: Double, _ epochs: Int, _ images: FashionMNIST
) {
  let configuration = Configuration(model: what, epochs: epochs, batchSize: 256, learningRate: learningRate)
  let history = page.fit(network, Classification(), configuration, images.train, test: images.test)
  guard let last = history.epochs.last, let tested = last.test else { return page.expect("\(what) was trained", false) }
  let isGood = tested.accuracy > 0.7 && (page.isQuick || last.train.meanLoss < 0.5 && last.train.accuracy > 0.7)
  page.expect(
    "\(what), as the book demands", isGood,
    "loss \(last.train.meanLoss), accuracy \(last.train.accuracy), in the test \(tested.accuracy)")
  page.draw("\(what.split(separator: " ").joined(separator: "-"))", "epoch", "loss", history.curves)
}

/// What softmax regression is made of, on numbers that can be checked.
private func pieces(_ page: Page) {
  let x = Tensor([[1, 2, 3], [4, 5, 6]] as [[Float]])
  page.compare("sum over rows", x.sum(0, keepingAxes: true), notes: [5, 7, 9])
  page.compare("sum over columns", x.sum(1, keepingAxes: true), notes: [6, 15])
  let shares = softmax(Tensor.normal([2, 5], key: RandomKey(seed: 2)))
  page.compare("shares add up to", shares.sum(1), notes: [1, 1])
  let predicted = Tensor([[0.1, 0.3, 0.6], [0.3, 0.2, 0.5]] as [[Float]])
  let labels = Tensor([0, 2] as [Int64])
  page.compare(
    "probabilities of the labels", predicted.gathered(labels.unsqueezed(1), axis: 1), notes: [0.1, 0.5])
  page.compare("cross-entropy", crossEntropyOfShares(predicted, labels), notes: [2.3026, 0.6931], within: 1e-4)
  page.compare("accuracy", (predicted.argmax(1) .== labels).to(.float32).mean(), notes: [0.5])
}

/// From scratch, as the notes have it.
private func softmax(_ x: Tensor) -> Tensor {
  let powers = x.exp()
  return powers / powers.sum(1, keepingAxes: true)
}

/// `-ln` of the label's share in each row.
private func crossEntropyOfShares(_ shares: Tensor, _ labels: Tensor) -> Tensor {
  -shares.gathered(labels.unsqueezed(1), axis: 1).log()
}

/// Chapters 4.1 to 4.3: a hidden layer.
func perceptronChapter(_ page: Page, _ images: FashionMNIST) {
  let range = stride(from: -8.0, to: 8.05, by: 0.1)
  let x = Tensor(Array(range).map { Float($0) }).requiringGradient()
  var (curves, slopes): ([Curve], [Curve]) = ([], [])
  for (name, function) in [("ReLU", { $0.relu() }), ("sigmoid", { $0.sigmoid() }), ("tanh", { $0.tanh() })]
    as [(String, (Tensor) -> Tensor)]
  {
    x.gradient = nil
    let y = function(x)
    page.backward(y.sum())
    curves.append(page.curve(name, x, y))
    slopes.append(page.curve("\(name) slope", x, x.derivative))
  }
  let largest = slopes.map { $0.points.map(\.1).max() ?? .nan }
  page.compare("largest slope of the sigmoid", largest[1], notes: 0.25, within: 1e-4)
  page.compare("of tanh", largest[2], notes: 1, within: 1e-4)
  page.draw("activations", "x", "", [curves[1], curves[2], slopes[1], slopes[2]])

  let epochs = page.isQuick ? 1 : 10
  let w1 = Tensor.normal([784, 256], standardDeviation: 0.01, key: RandomKey(seed: 1)).requiringGradient()
  let w2 = Tensor.normal([256, 10], standardDeviation: 0.01, key: RandomKey(seed: 2)).requiringGradient()
  let (b1, b2) = (Tensor.zeros([256]).requiringGradient(), Tensor.zeros([10]).requiringGradient())
  func classify(_ x: Tensor) -> Tensor {
    (x.flattened().matmul(w1) + b1).maximum(Tensor.zeros([])).matmul(w2) + b2
  }
  for epoch in page.epochs(epochs) {
    for batch in page.batches(of: images.train, 256, epoch: epoch) {
      page.backward(crossEntropy(classify(batch.inputs), batch.targets, reduction: .sum))
      sgd([w1, b1, w2, b2], 0.1, batchSize: batch.samples.count)
    }
  }
  let scratch = accuracy(page, images.test, classify)
  let bound = page.isQuick ? 0.65 : 0.7
  page.expect("from scratch, accuracy above \(bound) after \(epochs) epoch(s)", scratch > bound, "\(scratch)")
  let small = Initializer.normal(standardDeviation: 0.1)
  let network = Sequential(Flatten(), Linear(784, 256, weights: small), ReLU(), Linear(256, 10, weights: small))
  judge(page, "perceptron concise", network, learningRate: 0.1, epochs, images)
}
