import Foundation
import Lockstep

/// As many rows and columns as the book's table of airfoils in a wind tunnel, 1,500 and 5, with neighbouring columns that depend on each
/// other, so that some directions are steeper than others, and as much noise: the best line has half a squared error of 0.245.
private struct WindTunnel {
  let data: TableDataset

  init(_ page: Page) {
    let key = RandomKey(seed: 1500)
    var noiseKey = key
    noiseKey.layer = 1
    let mixture = Tensor(
      [[1, 0.4, 0, 0, 0], [0, 1, 0.4, 0, 0], [0, 0, 1, 0.4, 0], [0, 0, 0, 1, 0.4], [0, 0, 0, 0, 1]] as [[Float]])
    let mixed = Tensor.normal([1500, 5], key: key).matmul(mixture)
    let features = mixed / mixed.pow(2).mean(0, keepingAxes: true).sqrt()
    let truth = Tensor([[-0.6], [-0.4], [0.5], [0.3], [-0.2]] as [[Float]])
    let targets = features.matmul(truth) + Tensor.normal([1500, 1], standardDeviation: 0.7, key: noiseKey)
    let numbers = page.attempt { (try features.floats(), try targets.floats()) } ?? ([], [])
    data = TableDataset(TableSplit(features: numbers.0, width: 5, targets: numbers.1))
  }
}

/// An algorithm from scratch next to the library's.
private struct Algorithm {
  let name: String
  var batchSize = 10
  /// How many numbers are remembered of each parameter.
  var stateCount = 0
  /// Changes a parameter by its gradient in step `t`, from 1.
  let step: (_ w: Tensor, _ g: Tensor, _ s: [Tensor], _ t: Int) -> Void
  let make: ([ParameterGroup]) -> any Optimizer
  let learningRate: Double
}

/// Chapters 11.4 to 11.10.
private var algorithms: [Algorithm] {
  [
    Algorithm(
      name: "gradient descent", batchSize: 1500, step: { w, g, _, _ in w.assign(w - g * 1.0) }, make: { SGD($0) },
      learningRate: 1),
    Algorithm(
      name: "SGD of one sample", batchSize: 1, step: { w, g, _, _ in w.assign(w - g * 0.005) }, make: { SGD($0) },
      learningRate: 0.005),
    Algorithm(
      name: "minibatch SGD", batchSize: 100, step: { w, g, _, _ in w.assign(w - g * 0.4) }, make: { SGD($0) },
      learningRate: 0.4),
    Algorithm(
      name: "momentum", stateCount: 1,
      step: { w, g, s, _ in
        s[0].assign(s[0] * 0.9 + g)
        w.assign(w - s[0] * 0.005)
      }, make: { SGD($0, momentum: 0.9) }, learningRate: 0.005),
    Algorithm(
      name: "Adagrad", stateCount: 1,
      step: { w, g, s, _ in
        s[0].assign(s[0] + g.pow(2))
        w.assign(w - g / (s[0].sqrt() + 1e-6) * 0.1)
      }, make: { Adagrad($0, epsilon: 1e-6) }, learningRate: 0.1),
    Algorithm(
      name: "RMSProp", stateCount: 1,
      step: { w, g, s, _ in
        s[0].assign(s[0] * 0.9 + g.pow(2) * 0.1)
        w.assign(w - g / (s[0].sqrt() + 1e-6) * 0.01)
      }, make: { RMSProp($0, alpha: 0.9, epsilon: 1e-6) }, learningRate: 0.01),
    Algorithm(
      name: "Adadelta", stateCount: 2,
      step: { w, g, s, _ in
        s[0].assign(s[0] * 0.9 + g.pow(2) * 0.1)
        let change = (s[1] + 1e-5).sqrt() / (s[0] + 1e-5).sqrt() * g
        s[1].assign(s[1] * 0.9 + change.pow(2) * 0.1)
        w.assign(w - change)
      }, make: { Adadelta($0, rho: 0.9, epsilon: 1e-5) }, learningRate: 1),
    Algorithm(
      name: "Adam", stateCount: 2,
      step: { w, g, s, t in
        s[0].assign(s[0] * 0.9 + g * 0.1)
        s[1].assign(s[1] * 0.999 + g.pow(2) * 0.001)
        let (mean, square) = (s[0] / (1 - pow(0.9, Double(t))), s[1] / (1 - pow(0.999, Double(t))))
        w.assign(w - mean / (square.sqrt() + 1e-6) * 0.01)
      }, make: { Adam($0, epsilon: 1e-6) }, learningRate: 0.01),
  ]
}

/// Each algorithm trains a line through the table, from scratch and by the library, on the same batches: they must end at the same
/// weights, and the loss near the best.
func optimizationAlgorithms(_ page: Page) throws {
  let data = WindTunnel(page).data
  page.show("  a made-up table of 1,500 rows stands in for the book's airfoils")
  var curves: [Curve] = []
  for algorithm in algorithms {
    let start = Tensor.normal([5, 1], standardDeviation: 0.01, key: RandomKey(seed: 2))
    let layer = Linear(5, 1)
    layer.weight.assign(start.transposed())
    layer.bias?.fill(0)
    let optimizer = algorithm.make([ParameterGroup(layer.namedParameters, learningRate: algorithm.learningRate)])
    let (w, b) = (start.copy().requiringGradient(), Tensor.zeros([1]).requiringGradient())
    let losses = train(page, data, algorithm, [w, b]) { squaredLoss($0.inputs.matmul(w) + b, $0.targets).mean() }
    _ = train(page, data, algorithm, optimizer) { squaredLoss(layer($0.inputs), $0.targets).mean() }
    let last = losses.last?.1 ?? .nan
    page.expect("\(algorithm.name): half the squared error under 0.26", last < 0.26, "\(last)")
    let distance = page.number((w - layer.weight.detached().transposed()).abs().max())
    page.expect("\(algorithm.name): the library's weights are those from scratch", distance < 1e-4, "\(distance)")
    curves.append(Curve(algorithm.name, losses))
  }
  page.draw("optimization-algorithms", "epoch", "loss", curves, ["set yrange [0.2:0.6]"])
}

/// The notes' `train_ch11`: the loss over all rows, some times in an epoch.
private func train(
  _ page: Page, _ data: TableDataset, _ algorithm: Algorithm, update: (_ step: Int) -> Void,
  _ loss: (Batch) -> Tensor
) -> [(Double, Double)] {
  // One step in an epoch needs more of them than a hundred and fifty do.
  let epochs = algorithm.batchSize == data.count ? 10 : 2
  let all = page.batch(of: data)
  var (losses, step) = ([(0.0, page.number(withoutGradient { loss(all) }))], 0)
  for epoch in page.epochs(epochs) {
    let batches = page.batches(of: data, algorithm.batchSize, epoch: epoch)
    for (index, batch) in batches.enumerated() {
      page.backward(loss(batch))
      step += 1
      update(step)
      if (index + 1) % max(batches.count / 5, 1) == 0 {
        let place = Double(epoch) + Double(index + 1) / Double(batches.count)
        losses.append((place, page.number(withoutGradient { loss(all) })))
      }
    }
  }
  return losses
}

/// From scratch.
private func train(
  _ page: Page, _ data: TableDataset, _ algorithm: Algorithm, _ parameters: [Tensor], _ loss: (Batch) -> Tensor
) -> [(Double, Double)] {
  let states = parameters.map { parameter in (0..<algorithm.stateCount).map { _ in Tensor.zeros(parameter.shape) } }
  return train(
    page, data, algorithm,
    update: { step in
      withoutGradient {
        for (parameter, state) in zip(parameters, states) {
          algorithm.step(parameter, parameter.derivative, state, step)
          parameter.gradient = nil
        }
      }
    }, loss)
}

/// The library's.
private func train(
  _ page: Page, _ data: TableDataset, _ algorithm: Algorithm, _ optimizer: any Optimizer, _ loss: (Batch) -> Tensor
) -> [(Double, Double)] {
  train(
    page, data, algorithm,
    update: { _ in
      page.step(optimizer)
      optimizer.clearGradients()
    }, loss)
}
