import Foundation
import Lockstep
import Zoo

/// Chapter 14.2: a network that has learnt other classes from many images learns new ones from few. The book's images of hot dogs are
/// not at hand: six kinds of clothes of Fashion-MNIST stand in for ImageNet, the other four for the hot dogs, and a LeNet with batch
/// normalisation for ResNet-18.
func fineTuningChapter(_ page: Page, _ fashion: FashionMNIST) throws {
  let (train, test) = fashion.first(page.isQuick ? 4000 : 30_000, page.isQuick ? 1000 : 10_000)
  let (known, new) = ([0, 2, 3, 5, 6, 8], [1, 4, 7, 9])
  let source = leNetWithBatchNorm(classes: known.count)
  let configuration = Configuration(
    model: "lenet-bn", epochs: page.isQuick ? 3 : 10, batchSize: 64, learningRate: 0.003, optimizer: .adam)
  let history = page.fit(source, Classification(), configuration, ImageDataset(train.only(known)))
  page.show("  six kinds of clothes: \(text(history.epochs.last?.train.accuracy)) in training")
  let path = "\(page.workFolder)/source.safetensors"
  try SafeTensors.save(source.state, to: path)

  let (few, judges) = (train.only(new).first(100), ImageDataset(test.only(new)))
  // What is drawn anew has more to learn than what was learnt before: ten times the rate.
  let fine = [
    "epochs": page.isQuick ? "10" : "20", "batch-size": "20", "learning-rate": "head=0.005,*=0.0005",
    "replace-head": "true",
  ]
  func trained(_ others: [String: String], from path: String?) -> (network: Module, accuracy: Double) {
    tune(page, configuration, fine.merging(others) { $1 }, from: path, few, judges)
  }
  let (tuned, drawn) = (trained([:], from: path), trained(["learning-rate": "0.005"], from: nil))
  let held = trained(["freeze": "0,1,4,5"], from: path)
  page.show("  100 images of four other kinds, accuracy in the test: fine-tuned \(text(tuned.accuracy)),")
  page.show("  with both convolutions frozen \(text(held.accuracy)), all drawn anew \(text(drawn.accuracy))")
  if !page.isQuick { page.expect("fine-tuning is better than drawing anew", tuned.accuracy > drawn.accuracy) }
  for name in ["0.weight", "4.weight", "1.running_mean"] {
    page.compare("frozen \(name) stays", distance(held.network[name], source[name]), notes: 0, within: 0)
    page.expect("else it does not", page.number(distance(tuned.network[name], source[name])) > 0)
  }
}

private func text(_ share: Double?) -> String { String(format: "%.3f", share ?? .nan) }

/// Trains a network for four classes on few images, with the weights of a file or its own.
private func tune(
  _ page: Page, _ configuration: Configuration, _ settings: [String: String], from path: String?, _ few: ImageSplit,
  _ judges: ImageDataset
) -> (network: Module, accuracy: Double) {
  let (network, history) = (leNetWithBatchNorm(classes: 4), History())
  network.initializeAll(seed: 1)
  page.attempt {
    let configuration = try configuration.with(settings)
    if let path {
      let taken = try configuration.begin(network, with: StoredWeights.open(path))
      page.expect("all but the head is taken", taken.warning == nil, taken.lines.last ?? "")
    }
    _ = try configuration.freezeParameters(of: network)
    let trainer = try Trainer(network, Classification(), configuration)
    trainer.observers = [history]
    try trainer.fit(ImageDataset(few), test: judges)
  }
  return (network, history.epochs.last?.test?.accuracy ?? .nan)
}

extension ImageSplit {
  /// The images of some classes, which are numbered anew.
  fileprivate func only(_ classes: [Int]) -> ImageSplit {
    let kept = labels.indices.filter { classes.contains(Int(labels[$0])) }
    return ImageSplit(
      images: kept.flatMap { images[$0 * imageBytes..<($0 + 1) * imageBytes] },
      labels: kept.map { Int32(classes.firstIndex(of: Int(labels[$0])) ?? 0) }, channels: channels, height: height,
      width: width)
  }
}
