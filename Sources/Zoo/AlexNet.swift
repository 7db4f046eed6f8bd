import Networks

/// AlexNet as in the book, for one input channel. `[batch, 1, 224, 224]` to `[batch, 10]`. Source: Krizhevsky et al. 2012.
public func alexNet(classes: Int = 10, channels: Int = 1) -> Sequential {
  let xavier = Initializer.xavierUniform
  return Sequential(
    Conv2D(channels, 96, kernel: 11, stride: 4, padding: 1, weights: xavier), ReLU(), MaxPool2D(3, stride: 2),
    Conv2D(96, 256, kernel: 5, padding: 2, weights: xavier), ReLU(), MaxPool2D(3, stride: 2),
    Conv2D(256, 384, kernel: 3, padding: 1, weights: xavier), ReLU(),
    Conv2D(384, 384, kernel: 3, padding: 1, weights: xavier), ReLU(),
    Conv2D(384, 256, kernel: 3, padding: 1, weights: xavier), ReLU(), MaxPool2D(3, stride: 2),
    Flatten(),
    Linear(6400, 4096, weights: xavier), ReLU(), Dropout(0.5),
    Linear(4096, 4096, weights: xavier), ReLU(), Dropout(0.5),
    Linear(4096, classes, weights: xavier))
}
