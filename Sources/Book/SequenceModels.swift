import Foundation
import Lockstep
import Zoo

/// Chapter 8.1: the next point of a noisy sine from the four before it, one step ahead and many.
func sequenceModelsChapter(_ page: Page) throws {
  let data = SyntheticSineData(points: 1000, lags: 4, noise: 0.2)
  let x = try Tensor(data.series())
  let (features, labels) = try windows(of: x, data.lags)
  page.expect("features and labels", features.shape == [996, 4] && labels.shape == [996, 1], "\(features.shape)")
  let trained = TableDataset(try data.split(0..<600))
  let all = try trained.batch(Array(0..<trained.count))
  try page.compare("the file's rows are the same", (all.inputs - features[..<600]).abs().max(), notes: [0])

  let network = sinePerceptron()
  try network.initializeAll(seed: 0)
  let losses = try train(network, trained, epochs: 5, learningRate: 0.01)
  for (epoch, loss) in losses.enumerated() { page.show("  epoch \(epoch + 1), loss \(loss)") }
  page.compare("loss of the loop", losses.last ?? .nan, notes: 0.06, within: 0.02)

  var configuration = Configuration(model: "sine-mlp", epochs: 5, batchSize: 16, learningRate: 0.01)
  configuration.optimizer = .adam
  let history = try fit(sinePerceptron(), Regression(), configuration, trained)
  page.compare("loss of the library's trainer", history.epochs.last?.train.meanLoss ?? .nan, notes: 0.06, within: 0.02)
  try predictions(page, network, x, data.lags)
}

/// Rows of `lags` points in a row, and the point after each.
private func windows(of x: Tensor, _ lags: Int) throws -> (features: Tensor, labels: Tensor) {
  let count = x.elementCount - lags
  let features = Tensor.zeros([count, lags])
  for lag in 0..<lags { features[.all, lag].assign(x[lag..<count + lag]) }
  return (features, x[lags...].reshaped([-1, 1]))
}

/// The notes' `train`: Adam on mean squared errors; the loss over all samples after each epoch.
private func train(
  _ network: Module, _ data: any Dataset, epochs: Int, learningRate: Double
) throws -> [Double] {
  let optimizer = Adam([ParameterGroup(network.namedParameters, learningRate: learningRate)])
  let all = try data.batch(Array(0..<data.count))
  return try (0..<epochs).map { epoch in
    for batch in try batches(of: data, 16, epoch: epoch) {
      optimizer.clearGradients()
      try meanSquaredError(network(batch.inputs), batch.targets).backward()
      try optimizer.step()
    }
    return try withoutGradient { try meanSquaredError(network(all.inputs), all.targets).item() }
  }
}

/// One step ahead, the noise is all that is missed; predictions of predictions soon say nothing.
private func predictions(_ page: Page, _ network: Module, _ x: Tensor, _ lags: Int) throws {
  let (features, labels) = try windows(of: x, lags)
  let count = x.elementCount
  try withoutGradient {
    let oneStep = try network(features)
    let error = try (oneStep - labels).pow(2).mean().sqrt().item()
    page.compare("one step ahead, root mean square error", error, notes: 0.23, within: 0.04)

    // From point 604 on, nothing but predictions.
    let multistep = x.copy()
    for time in 600 + lags..<count {
      try multistep[time].assign(network(multistep[time - lags..<time].unsqueezed(0)).reshaped([]))
    }
    let far = try (multistep[600 + lags..<count] - x[600 + lags..<count]).pow(2).mean().sqrt().item()
    page.expect("from predictions alone it goes wrong", far > 1.5 * error, "\(far) against \(error)")
    try page.draw(
      "sine-prediction", "time", "x",
      [
        curve("data", x, from: 1), curve("1-step predictions", oneStep, from: lags + 1),
        curve("multistep predictions", multistep[600 + lags..<count], from: 601 + lags),
      ], ["set key outside top center horizontal"])
    try steps(page, network, x, lags)
  }
}

/// The notes' table of predictions 1 to 64 steps ahead: column `lags + k - 1` is k steps behind what is known.
private func steps(_ page: Page, _ network: Module, _ x: Tensor, _ lags: Int) throws {
  let (most, count) = (64, x.elementCount)
  let rows = count - lags - most + 1
  let table = Tensor.zeros([rows, lags + most])
  page.expect("the table of steps", table.shape == [933, 68], "\(table.shape)")
  for lag in 0..<lags { table[.all, lag].assign(x[lag..<lag + rows]) }
  for column in lags..<lags + most {
    try table[.all, column].assign(network(table[.all, column - lags..<column]).reshaped([-1]))
  }
  let wanted = [1, 4, 16, 64]
  let errors = try wanted.map { step in
    let place = lags + step - 1
    return try (table[.all, place] - x[place..<place + rows]).pow(2).mean().sqrt().item()
  }
  page.expect("the further ahead, the worse", errors == errors.sorted(), "errors \(errors) of \(wanted) steps")
  try page.draw(
    "sine-steps", "time", "x",
    wanted.map { step in
      try curve("\(step)-step predictions", table[.all, lags + step - 1], from: lags + step)
    }, ["set key outside top center horizontal"])
}

/// Points in a row, one a time step.
private func curve(_ title: String, _ values: Tensor, from start: Int) throws -> Curve {
  Curve(title, try values.values(as: Double.self).enumerated().map { (Double(start + $0.offset), $0.element) })
}
