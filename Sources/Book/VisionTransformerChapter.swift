import Foundation
import Lockstep
import Zoo

/// Chapter 11.8: an image as a sequence of patches, which a Transformer reads as it reads words.
func visionTransformerChapter(_ page: Page, _ fashion: FashionMNIST) {
  patches(page)
  order(page)
  learn(page, fashion)
}

/// A convolution whose stride is its kernel is a dense layer over each patch.
private func patches(_ page: Page) {
  let embedding = PatchEmbedding(3, 512, patch: 16)
  let images = Tensor.uniform([4, 3, 96, 96], key: RandomKey(seed: 1, .synthesis))
  let found = withoutGradient { embedding(images) }
  page.expect("images of 96 pixels in patches of 16", found.shape == [4, 36, 512], "\(found.shape)")
  let cut = images.reshaped([4, 3, 6, 16, 6, 16]).permuted([0, 2, 4, 1, 3, 5]).reshaped([4, 36, 3 * 16 * 16])
  let dense = withoutGradient {
    cut.linear(embedding["conv.weight"].reshaped([512, 3 * 16 * 16]), embedding["conv.bias"])
  }
  page.compare("a dense layer over each patch, largest difference", distance(found, dense), notes: 0, within: 1e-4)
}

/// Attention does not know where a patch lies: positions tell it.
private func order(_ page: Page) {
  let network = VisionTransformer(side: 28, patch: 7, width: 16, hidden: 32, heads: 4, layers: 2)
  network.initializeAll(seed: 2)
  network.evaluate()
  let images = Tensor.uniform([2, 1, 28, 28], key: RandomKey(seed: 3, .synthesis))
  // The rows of patches upside down, each patch as it was.
  let turned = images.reshaped([2, 1, 4, 7, 28]).flipped([2]).reshaped([2, 1, 28, 28])
  func difference() -> Tensor { withoutGradient { distance(network(images), network(turned)) } }
  page.expect("with positions the order of the patches counts", page.number(difference()) > 1e-3)
  withoutGradient { network["pos_embedding"].fill(0) }
  page.compare("without them it does not, largest difference", difference(), notes: 0, within: 1e-5)
}

/// Fashion-MNIST as it is, in 16 patches of 7×7 pixels. The book resizes it to 96 pixels, for a network of 512 numbers a patch: that
/// is `lockstep train vit`.
private func learn(_ page: Page, _ fashion: FashionMNIST) {
  let (train, test) = fashion.first(page.isQuick ? 2000 : 60_000, 10_000)
  let width = page.isQuick ? 32 : 64
  let network = VisionTransformer(
    side: 28, patch: 7, width: width, hidden: 2 * width, heads: 4, layers: 2, dropout: 0.1)
  let configuration = Configuration(
    model: "vit", epochs: page.isQuick ? 3 : 10, batchSize: page.isQuick ? 32 : 128, learningRate: 0.001,
    optimizer: .adam)
  let judges = ImageDataset(test)
  let history = page.fit(
    network, Classification(), configuration, ImageDataset(train), test: page.isQuick ? nil : judges)
  let (loss, right) = (history.epochs.last?.train.meanLoss ?? .nan, accuracy(page, judges) { network.evaluate()($0) })
  page.show("  \(network.parameterCount) parameters, loss \(String(format: "%.3f", loss))")
  page.expect("accuracy in the test", right > (page.isQuick ? 0.5 : 0.85), String(format: "%.3f", right))
  page.draw("loss-vit", "epoch", "loss", history.curves)
}
