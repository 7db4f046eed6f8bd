import Networks

/// Convolutions of 3×3 that keep the size, then a maximum that halves it.
public func vggBlock(_ convolutions: Int, _ inChannels: Int, _ outChannels: Int) -> Sequential {
  let layers = (0..<convolutions).flatMap { index -> [Module] in
    [
      Conv2D(index == 0 ? inChannels : outChannels, outChannels, kernel: 3, padding: 1, weights: .xavierUniform),
      ReLU(),
    ]
  }
  return Sequential(layers + [MaxPool2D(2)])
}

/// VGG-11 as in the book. `[batch, 1, 224, 224]` to `[batch, 10]`; `width` 4 has the channels of the paper, 1 a quarter of
/// them, as the notes train it. Source: Simonyan and Zisserman 2014.
public func vgg11(classes: Int = 10, channels: Int = 1, width: Int = 1) -> Sequential {
  let architecture = [(1, 16), (1, 32), (2, 64), (2, 128), (2, 128)].map { ($0.0, $0.1 * width) }
  let inputs = [channels] + architecture.map(\.1)
  let blocks: [Module] = zip(architecture, inputs).map { vggBlock($0.0, $1, $0.1) }
  let xavier = Initializer.xavierUniform
  return Sequential(
    blocks + [
      Flatten(),
      Linear(128 * width * 7 * 7, 4096, weights: xavier), ReLU(), Dropout(0.5),
      Linear(4096, 4096, weights: xavier), ReLU(), Dropout(0.5),
      Linear(4096, classes, weights: xavier),
    ])
}
