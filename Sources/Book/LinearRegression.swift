import Foundation
import Lockstep

/// Chapter 3.1: the normal distribution.
func normalChapter(_ page: Page) {
  func density(_ x: Double, _ mean: Double, _ deviation: Double) -> Double {
    exp(-0.5 * pow((x - mean) / deviation, 2)) / (2 * Double.pi * deviation * deviation).squareRoot()
  }
  page.compare("density at the mean", density(0, 0, 1), notes: 0.398942, within: 1e-6)
  let draws = Tensor.normal([20_000], mean: 3, standardDeviation: 2, key: RandomKey(seed: 4))
  let mean = draws.mean()
  page.compare("mean of 20,000 draws", mean, notes: 3, within: 0.06)
  page.compare("their deviation", (draws - mean).pow(2).mean().sqrt(), notes: 2, within: 0.05)
  page.draw(
    "normal", "x", "p(x)",
    [(0.0, 1.0), (0, 2), (3, 1)].map { mean, deviation in
      Curve("mean \(Int(mean)), std \(Int(deviation))", over: stride(from: -7, to: 7, by: 0.05)) {
        density($0, mean, deviation)
      }
    })
}

/// Chapters 3.2 and 3.3: a line through made-up points, from scratch and concise.
func linearRegressionChapter(_ page: Page) throws {
  let data = TableDataset(try SyntheticLinearData().split(rows: 1000))
  let all = page.batch(of: data)
  let (w, b) = (Tensor.normal([2, 1], standardDeviation: 0.01, key: RandomKey(seed: 1)), Tensor.zeros([1]))
  for parameter in [w, b] { parameter.requiringGradient() }
  for epoch in 0..<3 {
    for batch in page.batches(of: data, 10, epoch: epoch) {
      page.backward(squaredLoss(batch.inputs.matmul(w) + b, batch.targets).sum())
      sgd([w, b], 0.03, batchSize: batch.samples.count)
    }
    let loss = withoutGradient { squaredLoss(all.inputs.matmul(w) + b, all.targets).mean() }
    page.show("  epoch \(epoch + 1), loss \(page.number(loss))")
  }
  page.compare("w from scratch", w, notes: [2, -3.4], within: 0.01)
  page.compare("b from scratch", b, notes: [4.2], within: 0.01)

  let network = Sequential(Linear(2, 1, weights: .normal(standardDeviation: 0.01), biases: .constant(0)))
  let configuration = Configuration(model: "linear-regression", epochs: 3, batchSize: 10, learningRate: 0.03)
  let history = page.fit(network, Regression(), configuration, data)
  page.compare("w concise", network["0.weight"], notes: [2, -3.4], within: 0.01)
  page.compare("b concise", network["0.bias"], notes: [4.2], within: 0.01)
  page.compare("its last loss", history.epochs.last?.train.meanLoss ?? .nan, notes: 0.0001, within: 5e-5)
}
