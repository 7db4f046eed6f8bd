import Foundation
import Lockstep
import Zoo

/// Chapter 8.1: the next point of a noisy sine from the four before it, one step ahead and many.
func sequenceModelsChapter(_ page: Page) throws {
  let data = SyntheticSineData(points: 1000, lags: 4, noise: 0.2)
  let x = try Tensor(data.series())
  let (features, labels) = windows(of: x, data.lags)
  page.expect("features and labels", features.shape == [996, 4] && labels.shape == [996, 1], "\(features.shape)")
  let trained = TableDataset(try data.split(0..<600))
  let all = page.batch(of: trained)
  page.compare("the file's rows are the same", (all.inputs - features[..<600]).abs().max(), notes: [0])

  let network = sinePerceptron()
  network.initializeAll(seed: 0)
  let losses = page.numbers(.stack(train(page, network, trained, epochs: 5, learningRate: 0.01)))
  for (epoch, loss) in losses.enumerated() { page.show("  epoch \(epoch + 1), loss \(loss)") }
  page.compare("loss of the loop", losses.last ?? .nan, notes: 0.06, within: 0.02)

  var configuration = Configuration(model: "sine-mlp", epochs: 5, batchSize: 16, learningRate: 0.01)
  configuration.optimizer = .adam
  let history = page.fit(sinePerceptron(), Regression(), configuration, trained)
  page.compare("loss of the library's trainer", history.epochs.last?.train.meanLoss ?? .nan, notes: 0.06, within: 0.02)
  predictions(page, network, x, data.lags)
}

/// Rows of `lags` points in a row, and the point after each.
private func windows(of x: Tensor, _ lags: Int) -> (features: Tensor, labels: Tensor) {
  let count = x.elementCount - lags
  let features = Tensor.zeros([count, lags])
  for lag in 0..<lags { features[.all, lag].assign(x[lag..<count + lag]) }
  return (features, x[lags...].reshaped([-1, 1]))
}

/// The notes' `train`: Adam on mean squared errors; the loss over all samples after each epoch.
private func train(
  _ page: Page, _ network: Module, _ data: any Dataset, epochs: Int, learningRate: Double
) -> [Tensor] {
  let optimizer = Adam([ParameterGroup(network.namedParameters, learningRate: learningRate)])
  let all = page.batch(of: data)
  return (0..<epochs).map { epoch in
    for batch in page.batches(of: data, 16, epoch: epoch) {
      page.step(optimizer, down: meanSquaredError(network(batch.inputs), batch.targets))
    }
    return withoutGradient { meanSquaredError(network(all.inputs), all.targets) }
  }
}

/// One step ahead, the noise is all that is missed; predictions of predictions soon say nothing.
private func predictions(_ page: Page, _ network: Module, _ x: Tensor, _ lags: Int) {
  let (features, labels) = windows(of: x, lags)
  let count = x.elementCount
  withoutGradient {
    let oneStep = network(features)
    let error = page.number((oneStep - labels).pow(2).mean().sqrt())
    page.compare("one step ahead, root mean square error", error, notes: 0.23, within: 0.04)

    // From point 604 on, nothing but predictions.
    let multistep = x.copy()
    for time in 600 + lags..<count {
      multistep[time].assign(network(multistep[time - lags..<time].unsqueezed(0)).reshaped([]))
    }
    let far = page.number((multistep[600 + lags..<count] - x[600 + lags..<count]).pow(2).mean().sqrt())
    page.expect("from predictions alone it goes wrong", far > 1.5 * error, "\(far) against \(error)")
    page.draw(
      "sine-prediction", "time", "x",
      [
        page.curve("data", x, from: 1), page.curve("1-step predictions", oneStep, from: lags + 1),
        page.curve("multistep predictions", multistep[600 + lags..<count], from: 601 + lags),
      ], ["set key outside top center horizontal"])
    steps(page, network, x, lags)
  }
}

/// The notes' table of predictions 1 to 64 steps ahead: column `lags + k - 1` is k steps behind what is known.
private func steps(_ page: Page, _ network: Module, _ x: Tensor, _ lags: Int) {
  let (most, count) = (64, x.elementCount)
  let rows = count - lags - most + 1
  let table = Tensor.zeros([rows, lags + most])
  page.expect("the table of steps", table.shape == [933, 68], "\(table.shape)")
  for lag in 0..<lags { table[.all, lag].assign(x[lag..<lag + rows]) }
  for column in lags..<lags + most {
    table[.all, column].assign(network(table[.all, column - lags..<column]).reshaped([-1]))
  }
  let wanted = [1, 4, 16, 64]
  let errors = wanted.map { step in
    let place = lags + step - 1
    return page.number((table[.all, place] - x[place..<place + rows]).pow(2).mean().sqrt())
  }
  page.expect("the further ahead, the worse", errors == errors.sorted(), "errors \(errors) of \(wanted) steps")
  page.draw(
    "sine-steps", "time", "x",
    wanted.map { step in
      page.curve("\(step)-step predictions", table[.all, lags + step - 1], from: lags + step)
    }, ["set key outside top center horizontal"])
}

extension Page {
  /// Points in a row, one a time step.
  fileprivate func curve(_ title: String, _ values: Tensor, from start: Int) -> Curve {
    Curve(title, numbers(values).enumerated().map { (Double(start + $0.offset), $0.element) })
  }
}
