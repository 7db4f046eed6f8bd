import Networks

/// A convolution and two of 1×1, which are dense layers over the channels of each pixel.
public func ninBlock(
  _ inChannels: Int, _ outChannels: Int, kernel: Extent, stride: Extent = 1, padding: Extent = 0
) -> Sequential {
  let xavier = Initializer.xavierUniform
  return Sequential(
    Conv2D(inChannels, outChannels, kernel: kernel, stride: stride, padding: padding, weights: xavier), ReLU(),
    Conv2D(outChannels, outChannels, kernel: 1, weights: xavier), ReLU(),
    Conv2D(outChannels, outChannels, kernel: 1, weights: xavier), ReLU())
}

/// Network in network as in the book: no dense layer at its end. `[batch, 1, 224, 224]` to `[batch, 10]`.
/// Source: Lin et al. 2013.
public func nin(classes: Int = 10, channels: Int = 1) -> Sequential {
  Sequential(
    ninBlock(channels, 96, kernel: 11, stride: 4), MaxPool2D(3, stride: 2),
    ninBlock(96, 256, kernel: 5, padding: 2), MaxPool2D(3, stride: 2),
    ninBlock(256, 384, kernel: 3, padding: 1), MaxPool2D(3, stride: 2), Dropout(0.5),
    ninBlock(384, classes, kernel: 3, padding: 1),
    AdaptiveAvgPool2D(1), Flatten())
}
