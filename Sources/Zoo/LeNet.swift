import Networks

/// LeNet as in the book's chapter on convolutional networks: two convolutions with sigmoid and average pooling, three
/// dense layers. `[batch, 1, 28, 28]` to `[batch, 10]`. Source: LeCun et al. 1998.
public func leNet(classes: Int = 10, channels: Int = 1) -> Sequential {
  Sequential(
    Conv2D(channels, 6, kernel: 5, padding: 2, weights: .xavierUniform), Sigmoid(),
    AvgPool2D(2),
    Conv2D(6, 16, kernel: 5, weights: .xavierUniform), Sigmoid(),
    AvgPool2D(2),
    Flatten(),
    Linear(16 * 5 * 5, 120, weights: .xavierUniform), Sigmoid(),
    Linear(120, 84, weights: .xavierUniform), Sigmoid(),
    Linear(84, classes, weights: .xavierUniform))
}

/// LeNet with batch normalisation and maximum pooling, as in the book's chapter on it. `[batch, 1, 28, 28]` to `[batch, 10]`.
public func leNetWithBatchNorm(classes: Int = 10, channels: Int = 1) -> Sequential {
  Sequential(
    Conv2D(channels, 6, kernel: 5, weights: .xavierUniform), BatchNorm2D(6), Sigmoid(), MaxPool2D(2),
    Conv2D(6, 16, kernel: 5, weights: .xavierUniform), BatchNorm2D(16), Sigmoid(), MaxPool2D(2),
    Flatten(),
    Linear(256, 120, weights: .xavierUniform), BatchNorm1D(120), Sigmoid(),
    Linear(120, 84, weights: .xavierUniform), BatchNorm1D(84), Sigmoid(),
    Linear(84, classes, weights: .xavierUniform))
}
