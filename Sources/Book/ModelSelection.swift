import Foundation
import Lockstep

/// Chapter 4.4: polynomials of three degrees through points of a cubic.
func modelSelectionChapter(_ page: Page) {
  let truth: [Double] = [5, 1.2, -3.4, 5.6]
  let (count, degrees) = (200, 20)
  let x = page.numbers(Tensor.normal([count], key: RandomKey(seed: 0)))
  let noise = page.numbers(Tensor.normal([count], standardDeviation: 0.1, key: RandomKey(seed: 1)))
  let powers = x.map { x in (0..<degrees).map { pow(x, Double($0)) / tgamma(Double($0) + 1) } }
  let labels = powers.indices.map { row in zip(powers[row], truth).reduce(noise[row]) { $0 + $1.0 * $1.1 } }

  func rows(_ range: Range<Int>, _ terms: Int) -> TableDataset {
    let features = range.flatMap { powers[$0].prefix(terms).map { Float($0) } }
    return TableDataset(TableSplit(features: features, width: terms, targets: range.map { Float(labels[$0]) }))
  }
  func train(_ name: String, terms: Int, epochs: Int) -> (weights: Tensor, last: EpochMetrics?) {
    let network = Sequential(Linear(terms, 1, bias: false))
    let configuration = Configuration(model: name, epochs: epochs, batchSize: 10, learningRate: 0.01)
    let history = page.fit(network, Regression(), configuration, rows(0..<100, terms), test: rows(100..<200, terms))
    page.draw("polynomial-\(name)", "epoch", "loss", history.curves, ["set logscale y"])
    return (network["0.weight"], history.epochs.last)
  }
  let normal = train("normal", terms: 4, epochs: 400)
  page.compare("weights of degree 3", normal.weights, notes: truth, within: 0.2)
  let under = train("underfitting", terms: 2, epochs: 400)
  let over = train("overfitting", terms: 20, epochs: 1500)
  let losses = [normal, under, over].map { $0.last?.test?.meanLoss ?? .nan }
  page.expect("degree 1 fits badly", losses[1] > 10 * losses[0], "test losses \(losses)")
  page.expect("20 terms generalise worse than 4", losses[2] > losses[0], "test losses \(losses)")
}

/// Chapter 4.5: 20 examples of 200 features, with and without decay.
func weightDecayChapter(_ page: Page) throws {
  let truth = SyntheticLinearData(weights: [Double](repeating: 0.01, count: 200), bias: 0.05)
  let rows = try truth.split(rows: 120)
  func part(_ range: Range<Int>) -> Subset { Subset(TableDataset(rows), Array(range)) }
  let (train, test) = (part(0..<20), part(20..<120))

  func loss(_ data: Subset, _ predict: (Tensor) -> Tensor) -> Double {
    let all = page.batch(of: data)
    return page.number(withoutGradient { squaredLoss(predict(all.inputs), all.targets).mean() })
  }
  func learn(_ name: String, _ predict: (Tensor) -> Tensor, _ step: (Batch) -> Void) -> Double {
    var (trained, tested): ([(Double, Double)], [(Double, Double)]) = ([], [])
    for epoch in page.epochs(100) {
      for batch in page.batches(of: train, 5, epoch: epoch) { step(batch) }
      guard (epoch + 1) % 5 == 0 else { continue }
      trained.append((Double(epoch + 1), loss(train, predict)))
      tested.append((Double(epoch + 1), loss(test, predict)))
    }
    page.draw(
      "weight-decay-\(name)", "epochs", "loss", [Curve("train", trained), Curve("test", tested)], ["set logscale y"])
    return (tested.last?.1 ?? .nan) / (trained.last?.1 ?? .nan)
  }

  func scratch(_ decay: Double) -> (norm: Double, gap: Double) {
    let w = Tensor.normal([200, 1], key: RandomKey(seed: 6)).requiringGradient()
    let b = Tensor.zeros([1]).requiringGradient()
    func step(_ batch: Batch) {
      let penalty = w.pow(2).sum() / 2
      page.backward((squaredLoss(batch.inputs.matmul(w) + b, batch.targets) + decay * penalty).sum())
      sgd([w, b], 0.003, batchSize: 5)
    }
    let gap = learn("scratch-\(Int(decay))", { $0.matmul(w) + b }, step)
    return (page.number(w.norm()), gap)
  }

  func concise(_ decay: Double) -> (norm: Double, gap: Double) {
    let layer = Linear(200, 1, weights: .normal(standardDeviation: 1), biases: .constant(0))
    layer.initializeAll(seed: 6)
    let bias = layer.bias.map { [(name: "bias", tensor: $0)] } ?? []
    let optimizer = SGD([
      ParameterGroup([("weight", layer.weight)], learningRate: 0.003, weightDecay: decay),
      ParameterGroup(bias, learningRate: 0.003),
    ])
    func step(_ batch: Batch) {
      page.step(optimizer, down: meanSquaredError(layer(batch.inputs), batch.targets))
    }
    let gap = learn("concise-\(Int(decay))", { layer($0) }, step)
    return (page.number(layer.weight.norm()), gap)
  }

  for (name, run) in [("from scratch", scratch), ("concise", concise)] {
    let (free, decayed) = (run(0), run(3))
    page.expect("\(name): ‖w‖ without decay stays above 10", free.norm > 10, "\(free.norm)")
    page.expect("\(name): decay 3 brings ‖w‖ under 1", decayed.norm < 1, "\(decayed.norm)")
    page.expect("\(name): and overfits less", decayed.gap < free.gap, "test/train loss \(decayed.gap), \(free.gap)")
  }
}
