import Networks
import Tensors

/// Two convolutions whose result is added to their input, itself through a 1×1 convolution where its size changes.
/// Source: He et al. 2015.
public final class Residual: Module {
  private let conv1, conv2: Conv2D
  private let conv3: Conv2D?
  private let bn1, bn2: BatchNorm2D

  /// From so many channels to so many; `projecting` where the sum needs its input in another size.
  public init(_ inChannels: Int, _ outChannels: Int, projecting: Bool = false, stride: Extent = 1) {
    let xavier = Initializer.xavierUniform
    conv1 = Conv2D(inChannels, outChannels, kernel: 3, stride: stride, padding: 1, weights: xavier)
    conv2 = Conv2D(outChannels, outChannels, kernel: 3, padding: 1, weights: xavier)
    conv3 = projecting ? Conv2D(inChannels, outChannels, kernel: 1, stride: stride, weights: xavier) : nil
    (bn1, bn2) = (BatchNorm2D(outChannels), BatchNorm2D(outChannels))
  }

  public override func forward(_ input: Tensor) -> Tensor {
    let inner = bn2(conv2(bn1(conv1(input)).relu()))
    return (inner + (conv3?(input) ?? input)).relu()
  }
}

/// Residual blocks of one width; the first halves the image, unless it follows the network's beginning.
private func stage(_ inChannels: Int, _ outChannels: Int, isFirst: Bool = false) -> Sequential {
  Sequential(
    isFirst ? Residual(outChannels, outChannels) : Residual(inChannels, outChannels, projecting: true, stride: 2),
    Residual(outChannels, outChannels))
}

/// ResNet-18 as in the book. `[batch, 1, 96, 96]` (or any size from 32 on) to `[batch, 10]`.
public func resNet18(classes: Int = 10, channels: Int = 1) -> Sequential {
  Sequential(
    Sequential(
      Conv2D(channels, 64, kernel: 7, stride: 2, padding: 3, weights: .xavierUniform), BatchNorm2D(64), ReLU(),
      MaxPool2D(3, stride: 2, padding: 1)),
    stage(64, 64, isFirst: true), stage(64, 128), stage(128, 256), stage(256, 512),
    AdaptiveAvgPool2D(1), Flatten(), Linear(512, classes, weights: .xavierUniform))
}
