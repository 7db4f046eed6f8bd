import Lockstep
import Zoo

/// A residual block keeps its input's shape, or halves it with more channels.
func residualChapter(_ page: Page) {
  let input = Tensor.uniform([4, 3, 6, 6], key: RandomKey(seed: 4, .synthesis))
  page.expect("a block keeps the shape", Residual(3, 3)(input).shape == [4, 3, 6, 6])
  let halved = Residual(3, 6, projecting: true, stride: 2)(input).shape
  page.expect("a block with stride 2 halves it", halved == [4, 6, 3, 3], "\(halved)")
  compareShapes(
    page, "ResNet-18 at 224", resNet18(), 224,
    notes: [[64, 56, 56], [64, 56, 56], [128, 28, 28], [256, 14, 14], [512, 7, 7], [512, 1, 1], [512], [10]])
}

/// A dense block adds channels, a transition halves the image.
func denseNetChapter(_ page: Page) {
  let input = Tensor.uniform([4, 3, 8, 8], key: RandomKey(seed: 5, .synthesis))
  let grown = DenseBlock(2, 3, growth: 10)(input)
  page.expect("a block of two convolutions adds 20 channels", grown.shape == [4, 23, 8, 8], "\(grown.shape)")
  page.compare("the first of which are its input", distance(grown[.all, ..<3], input), notes: 0, within: 0)
  let halved = transitionBlock(23, 10)(grown).shape
  page.expect("a transition leaves 10, and half the size", halved == [4, 10, 4, 4], "\(halved)")
  compareShapes(
    page, "DenseNet at 96", denseNet(), 96,
    notes: [
      [64, 24, 24], [192, 24, 24], [96, 12, 12], [224, 12, 12], [112, 6, 6], [240, 6, 6], [120, 3, 3], [248, 3, 3],
      [248, 3, 3], [248, 3, 3], [248, 1, 1], [248], [10],
    ])
}

/// The shapes that the notes print for the large networks.
func modernNetworksChapter(_ page: Page) {
  compareShapes(
    page, "AlexNet", alexNet(), 224,
    notes: [
      [96, 54, 54], [96, 54, 54], [96, 26, 26], [256, 26, 26], [256, 26, 26], [256, 12, 12], [384, 12, 12],
      [384, 12, 12], [384, 12, 12], [384, 12, 12], [256, 12, 12], [256, 12, 12], [256, 5, 5], [6400], [4096], [4096],
      [4096], [4096], [4096], [4096], [10],
    ])
  compareShapes(
    page, "VGG-11", vgg11(width: 4), 224,
    notes: [
      [64, 112, 112], [128, 56, 56], [256, 28, 28], [512, 14, 14], [512, 7, 7], [25088], [4096], [4096], [4096],
      [4096], [4096], [4096], [10],
    ])
  compareShapes(
    page, "NiN", nin(), 224,
    notes: [
      [96, 54, 54], [96, 26, 26], [256, 26, 26], [256, 12, 12], [384, 12, 12], [384, 5, 5], [384, 5, 5], [10, 5, 5],
      [10, 1, 1], [10],
    ])
  compareShapes(
    page, "GoogLeNet at 96", googLeNet(), 96,
    notes: [[64, 24, 24], [192, 12, 12], [480, 6, 6], [832, 3, 3], [1024], [10]])
}

private func compareShapes(
  _ page: Page, _ name: String, _ network: Sequential, _ size: Int, notes: [[Int]]
) {
  let found = shapes(of: network, [1, 1, size, size])
  page.expect(
    "\(name): every layer's shape", found == notes.map { [1] + $0 },
    found.map { "\($0.dropFirst())" }.joined(separator: " "))
}
