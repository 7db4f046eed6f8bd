import Networks
import Tensors

/// Convolutions of which each reads all that came before, its input and the channels that the others grew. Source: Huang et al.
/// 2016.
public final class DenseBlock: Module {
  private let net: Sequential

  /// So many convolutions that grow so many channels each.
  public init(_ convolutions: Int, _ inChannels: Int, growth: Int) {
    net = Sequential(
      (0..<max(convolutions, 0)).map { index in
        let channels = inChannels + index * growth
        return Sequential(
          BatchNorm2D(channels), ReLU(), Conv2D(channels, growth, kernel: 3, padding: 1, weights: .xavierUniform))
      })
  }

  public override func forward(_ input: Tensor) -> Tensor {
    net.layers.reduce(input) { .concatenate([$0, $1($0)], axis: 1) }
  }
}

/// Fewer channels and half the size: what stands between two dense blocks.
public func transitionBlock(_ inChannels: Int, _ outChannels: Int) -> Sequential {
  Sequential(
    BatchNorm2D(inChannels), ReLU(), Conv2D(inChannels, outChannels, kernel: 1, weights: .xavierUniform), AvgPool2D(2))
}

/// DenseNet as in the book: four blocks of four convolutions that grow 32 channels each. `[batch, 1, 96, 96]` (or any size from 32
/// on) to `[batch, 10]`.
public func denseNet(classes: Int = 10, channels: Int = 1) -> Sequential {
  let (convolutions, growth) = ([4, 4, 4, 4], 32)
  var (width, blocks): (Int, [Module]) = (64, [])
  for (index, count) in convolutions.enumerated() {
    blocks.append(DenseBlock(count, width, growth: growth))
    width += count * growth
    if index == convolutions.count - 1 { break }
    blocks.append(transitionBlock(width, width / 2))
    width /= 2
  }
  let beginning = Sequential(
    Conv2D(channels, 64, kernel: 7, stride: 2, padding: 3, weights: .xavierUniform), BatchNorm2D(64), ReLU(),
    MaxPool2D(3, stride: 2, padding: 1))
  return Sequential(
    [beginning] + blocks + [
      BatchNorm2D(width), ReLU(), AdaptiveAvgPool2D(1), Flatten(), Linear(width, classes, weights: .xavierUniform),
    ])
}
