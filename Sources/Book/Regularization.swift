import Lockstep

/// Chapter 4.6: dropout, from scratch and as a layer.
func dropoutChapter(_ page: Page, _ images: FashionMNIST) {
  /// From scratch. The notes draw the mask from a normal distribution, which drops too much; the book's is uniform.
  func droppedOut(_ x: Tensor, _ probability: Double) -> Tensor {
    if probability == 1 { return x * 0 }
    let mask = (Tensor.uniform(x.shape, key: RandomKey(seed: 5)) > probability).to(.float32)
    return mask * x / (1 - probability)
  }
  let x = Tensor.arange(16, .float32).reshaped([2, 8])
  let numbers = (0..<16).map { Double($0) }
  page.compare("dropout 0", droppedOut(x, 0), notes: numbers)
  page.compare("dropout 1", droppedOut(x, 1), notes: numbers.map { _ in 0 })
  let half = page.numbers(droppedOut(x, 0.5))
  page.expect("dropout 0.5 doubles what it keeps", zip(half, numbers).allSatisfy { $0 == 0 || $0 == 2 * $1 }, "\(half)")
  let ones = Tensor.ones([1, 100_000])
  page.compare(
    "mean of 100,000 ones after dropout 0.3", droppedOut(ones, 0.3).mean(), notes: 1, within: 0.01)
  let layer = Dropout(0.5)
  page.expect("the layer drops in training", page.number(layer(ones).min()) == 0)
  page.compare("and hands on in evaluation", layer.evaluate()(x), notes: numbers)

  let small = Initializer.normal(standardDeviation: 0.01)
  let network = Sequential(
    Flatten(), Linear(784, 256, weights: small), ReLU(), Dropout(0.2), Linear(256, 256, weights: small), ReLU(),
    Dropout(0.5), Linear(256, 10, weights: small))
  // Its first epochs are slow: it takes some to leave the small numbers that it starts with.
  judge(page, "dropout", network, learningRate: 0.5, page.isQuick ? 3 : 10, images)
}

/// Chapter 4.8: gradients that vanish or explode, and first values that keep them in bounds.
func initializationChapter(_ page: Page) {
  let x = Tensor.arange(-8, 8.1, by: 0.1).requiringGradient()
  page.backward(x.sigmoid().sum())
  let slopes = page.numbers(x.derivative)
  page.expect(
    "the sigmoid's slope vanishes at ±8", slopes.count == 161 && slopes[0] < 4e-4 && slopes[160] < 4e-4,
    "\(slopes.prefix(1))")

  var product = Tensor.normal([4, 4], key: RandomKey(seed: 0))
  for index in 1...100 { product = product.matmul(Tensor.normal([4, 4], key: RandomKey(seed: 0, layer: index))) }
  let largest = page.number(product.abs().max())
  page.expect("a product of 100 random matrices explodes", largest > 1e15, "\(largest)")

  // Variances of a layer's outputs, for inputs of variance 1.
  let inputs = Tensor.normal([2000, 400], key: RandomKey(seed: 1))
  for (name, initializer, notes) in [
    ("normal of deviation 0.01", Initializer.normal(standardDeviation: 0.01), 0.04), ("Xavier", .xavierUniform, 1.0),
  ] {
    let layer = Linear(400, 400, bias: false, weights: initializer)
    let outputs = withoutGradient { layer(inputs) }
    page.compare("variance behind \(name)", outputs.pow(2).mean(), notes: notes, within: 0.05 * notes)
  }
}

/// Chapter 4.10: the Kaggle competition, by the book's recipe.
func housePricesChapter(_ page: Page) throws {
  let path = "\(page.workFolder)/house-prices.h5"
  do {
    _ = try HousePricesConverter().convert(to: path)
  } catch  where failureKind(of: error).rawValue == 66 {
    return page.show("  left out: \(error)")
  }
  let file = try TableFile(path)
  page.compare("features", Double(file.featureNames.count), notes: 331, within: 0)
  let (rows, houses) = try (TableDataset(file.split("train")), file.split("test"))
  page.compare("rows in all", Double(rows.count + houses.count), notes: 2919, within: 0)

  let configuration = Configuration(
    model: "house-prices", epochs: 100, batchSize: 64, learningRate: 5, optimizer: .adam)
  let objective = Regression(isLogarithmic: true)
  let validation = try CrossValidation(folds: 5, of: rows, configuration, objective)
  let folds = try validation.run(rows) { Sequential(Linear(331, 1)) }
  let valid = folds.means(objective, \.valid).last?.value ?? .nan
  page.expect("5 folds, average valid log rmse in 0.150…0.180", (0.15...0.18).contains(valid), "\(valid)")
  if let first = folds.first {
    func curve(_ title: String, _ totals: (EpochMetrics) -> Totals?) -> Curve {
      Curve(title, first.epochs.map { (Double($0.epoch), objective.measures(of: totals($0) ?? Totals())[1].value) })
    }
    page.draw(
      "house-prices", "epoch", "log rmse", [curve("train", { $0.train }), curve("valid", { $0.test })],
      ["set logscale y"])
  }
  let network = Sequential(Linear(331, 1))
  _ = page.fit(network, objective, configuration, rows)
  let prices = withoutGradient { network(Tensor(houses.features, shape: [houses.count, 331])) }
  page.expect("1,459 prices to submit", prices.shape == [1459, 1], "\(prices.shape)")
}
