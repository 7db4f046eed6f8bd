import Foundation
import Lockstep
import Zoo

/// The book's image augmentation. Its images, a cat's and those of CIFAR-10, are not at hand: Fashion-MNIST's stand in, and a LeNet
/// with batch normalisation for its ResNet-18.
func imageAugmentationChapter(_ page: Page, _ fashion: FashionMNIST) {
  let (train, test) = fashion.first(page.isQuick ? 500 : 2000, 1000)
  flip(page, train)
  crop(page, train)
  brighten(page, train)
  cutOut(page, train)
  mix(page, train)
  draw(page, train)
  learn(page, train, test)
}

/// One image as the first epochs of a training have it, each a row of 784 numbers.
private func epochs(_ page: Page, _ images: ImageSplit, _ augmentation: Augmentation, count: Int) -> [[Double]] {
  let transform = ImageTransform(augmentation: augmentation, seed: 1)
  return (0..<count).map { epoch in
    page.attempt { try ImageDataset(images, transform).batch([0], epoch: epoch).inputs.values(as: Double.self) } ?? []
  }
}

private func image(_ images: ImageSplit) -> [Double] {
  images.images.prefix(images.imageBytes).map { Double(Float($0) / 255) }
}

private func flip(_ page: Page, _ images: ImageSplit) {
  let (original, side) = (image(images), images.width)
  let mirrored = original.indices.map { original[$0 / side * side + side - 1 - $0 % side] }
  let found = epochs(page, images, Augmentation(flips: true), count: 40)
  page.expect("flips leave an image or its mirror image", found.allSatisfy { $0 == original || $0 == mirrored })
  let share = Double(found.count { $0 == mirrored }) / Double(found.count)
  page.expect("about every other one is mirrored", abs(share - 0.5) < 0.3, "\(share)")
  page.expect(
    "an epoch has the same picture again", found == epochs(page, images, Augmentation(flips: true), count: 40))
}

private func crop(_ page: Page, _ images: ImageSplit) {
  let found = epochs(page, images, Augmentation(cropPadding: 4), count: 40)
  let whole = image(images).reduce(0, +)
  page.expect("crops differ", Set(found).count > 20, "\(Set(found).count) of 40")
  page.expect("a crop shows no more than the image", found.allSatisfy { $0.reduce(0, +) <= whole + 1e-6 })
}

private func brighten(_ page: Page, _ images: ImageSplit) {
  let found = epochs(page, images, Augmentation(jitter: 0.5), count: 20)
  let brightness = found.map { $0.reduce(0, +) }
  page.expect(
    "brightness and contrast change, pixels stay within 0…1",
    Set(brightness).count == 20 && found.allSatisfy { $0.allSatisfy { (0...1).contains($0) } })
}

private func cutOut(_ page: Page, _ images: ImageSplit) {
  let original = image(images)
  let found = epochs(page, images, Augmentation(cutout: 8), count: 20)
  let changed = found.map { picture in zip(picture, original).count { $0 != $1 } }
  page.expect("cut-out blackens 8×8 pixels at the most", changed.allSatisfy { $0 <= 64 }, "\(changed.max() ?? 0)")
  page.expect("and nothing else", found.allSatisfy { zip($0, original).allSatisfy { $0 == 0 || $0 == $1 } })
}

/// Each image with the next one of the epoch's order.
private func mix(_ page: Page, _ images: ImageSplit) {
  let data = Mixed(ImageDataset(images), alpha: 1, seed: 1)
  let sampler = Sampler(of: data, batchSize: 100, seed: 1)
  let order = sampler.order(epoch: 0)
  guard let batch = page.attempt({ try data.batch(order[0..<100], at: 0..<100, of: order, epoch: 0) }),
    let mixture = batch.mixture
  else { return page.expect("samples are blends", false) }
  let shares = page.numbers(mixture.shares)
  page.expect("shares lie within 0…1", shares.allSatisfy { (0...1).contains($0) })
  page.compare("their mean, of Beta(1, 1)", shares.reduce(0, +) / 100, notes: 0.5, within: 0.12)
  let plain = page.batch(of: ImageDataset(images), Array(order[0..<2])).inputs
  let blend = plain[0] * shares[0] + plain[1] * (1 - shares[0])
  page.compare(
    "a blend is what its share says, largest difference", (batch.inputs[0] - blend).abs().max(), notes: 0, within: 1e-6)
}

/// The first image under each change, eight epochs in a row.
private func draw(_ page: Page, _ images: ImageSplit) {
  let kinds = ["crop:4", "flip", "rotate:20", "jitter:0.5", "cutout:10", "crop:4,flip,rotate:10,cutout:8"]
  let side = images.width
  let rows = kinds.map { epochs(page, images, Augmentation(text: $0) ?? Augmentation(), count: 8) }
  let lines = rows.flatMap { epochs in
    (0..<side).map { y in
      epochs.flatMap { $0.dropFirst(y * side).prefix(side) }.map { String(format: "%.3f", $0) }.joined(separator: " ")
    }
  }
  page.draw(
    "image-augmentation",
    [
      "unset tics", "unset colorbox", "unset key", "set palette gray", "set yrange [\(lines.count).0-0.5:-0.5]",
      "set size ratio -1",
    ]
      + ["$image << END"] + lines + ["END", "plot $image matrix with image"])
}

/// With few images a network learns them by heart; changed ones it must understand.
private func learn(_ page: Page, _ train: ImageSplit, _ test: ImageSplit) {
  func gap(_ augmentation: Augmentation?) -> (train: Double, test: Double)? {
    page.attempt {
      let data = try ImageDataset(train, ImageTransform(augmentation: augmentation, seed: 0))
      let configuration = Configuration(
        model: "lenet-bn", epochs: page.isQuick ? 10 : 30, batchSize: 50, learningRate: 0.003, optimizer: .adam)
      let history = page.fit(leNetWithBatchNorm(), Classification(), configuration, data, test: ImageDataset(test))
      guard let last = history.epochs.last, let tested = last.test else {
        throw ConfigurationError("no epoch was trained")
      }
      return (last.train.accuracy, tested.accuracy)
    }
  }
  guard let plain = gap(nil), let changed = gap(Augmentation(cropPadding: 2, flips: true)) else { return }
  func text(_ found: (train: Double, test: Double)) -> String {
    String(format: "%.3f in training, %.3f in the test", found.train, found.test)
  }
  page.show("  as they are: \(text(plain))")
  page.show("  cropped and flipped: \(text(changed))")
  page.expect(
    "with augmentation training accuracy is nearer to the test's",
    changed.train - changed.test < plain.train - plain.test)
}
