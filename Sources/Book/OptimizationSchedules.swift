import Foundation
import Lockstep

/// Chapter 11.11: how the learning rate changes over a training, from scratch next to the library's schedules.
func learningRateSchedules(_ page: Page) throws {
  let half = { (progress: Double) in (1 + cos(Double.pi * progress)) / 2 }
  let schedules: [(name: String, rate: Double, scratch: (Double) -> Double, schedule: Schedule)] = [
    ("a factor each step", 2, { 2 * pow(0.9, $0) }, .exponential(period: 1, factor: 0.9)),
    ("a factor at 15 and 30", 0.5, { 0.5 * ($0 < 15 ? 1 : $0 < 30 ? 0.5 : 0.25) }, .multistep([15, 30], factor: 0.5)),
    (
      "half a cosine", 0.3, { $0 < 20 ? 0.01 + (0.3 - 0.01) * half($0 / 20) : 0.01 },
      .cosine(steps: 20, end: 0.01 / 0.3)
    ),
    (
      "warm-up and cosine", 0.3, { $0 < 5 ? 0.3 * $0 / 5 : $0 < 20 ? 0.01 + (0.3 - 0.01) * half(($0 - 5) / 15) : 0.01 },
      .warmUp(steps: 5, then: .cosine(steps: 15, end: 0.01 / 0.3))
    ),
    ("a polynomial", 0.3, { 0.3 * pow(1 - min($0, 30) / 30, 2) }, .polynomial(steps: 30, power: 2)),
  ]
  var curves: [Curve] = []
  for (name, rate, scratch, schedule) in schedules {
    let steps = (0..<40).map { (Double($0), rate * schedule.factor(at: $0)) }
    let distance = steps.map { abs($0.1 - scratch($0.0)) }.max() ?? .nan
    page.expect("\(name): the library's is that from scratch", distance < 1e-12, "\(distance)")
    curves.append(Curve(name, steps))
  }
  curves.append(Curve("one cycle", (0..<40).map { (Double($0), 0.3 * Schedule.oneCycle(steps: 40).factor(at: $0)) }))
  page.draw("learning-rate-schedules", "step", "learning rate", curves, ["set yrange [0:0.6]"])
  try trainLeNet(page)
}

/// The book's LeNet with ReLU and maximum pooling, 30 epochs at a rate of 0.3: constant, it overfits; falling, it ends better.
private func trainLeNet(_ page: Page) throws {
  let names = ["constant", "multistep", "cosine"]
  guard !page.isQuick else { return page.show("  left out: LeNet with the schedules \(names), 30 epochs each") }
  let images = try FashionMNIST(page)
  var accuracies: [String: Double] = [:]
  var curves: [Curve] = []
  for name in names {
    let network = Sequential(
      Conv2D(1, 6, kernel: 5, padding: 2), ReLU(), MaxPool2D(2), Conv2D(6, 16, kernel: 5), ReLU(), MaxPool2D(2),
      Flatten(), Linear(16 * 5 * 5, 120), ReLU(), Linear(120, 84), ReLU(), Linear(84, 10))
    var configuration = try Configuration(model: name, epochs: 30, batchSize: 256, learningRate: 0.3)
      .with(["schedule": name])
    (configuration.scheduleFactor, configuration.warmup) = (0.5, name == "cosine" ? 5 * 235 : 0)
    if name == "multistep" { configuration.scheduleSteps = [15 * 235, 25 * 235] }
    let history = page.fit(
      network, Classification(), configuration.spanningSchedule(stepsPerEpoch: 235), images.train,
      test: images.test)
    accuracies[name] = history.epochs.last?.test?.accuracy ?? 0
    page.show("  \(name): accuracy \(history.epochs.last?.train.accuracy ?? 0), in the test \(accuracies[name] ?? 0)")
    curves.append(
      Curve(name, history.epochs.compactMap { epoch in epoch.test.map { (Double(epoch.epoch), $0.accuracy) } }))
  }
  page.draw("lenet-schedules", "epoch", "accuracy in the test", curves, ["set key bottom right"])
  let (constant, best) = (accuracies["constant"] ?? 0, max(accuracies["multistep"] ?? 0, accuracies["cosine"] ?? 0))
  page.expect("constant, above 0.87 as in the book", constant > 0.87, "\(constant)")
  page.expect("a rate that falls ends better", best > constant, "\(best) and \(constant)")
}
