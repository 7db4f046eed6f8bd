import Networks
import Tensors

/// Four paths side by side, joined along the channels. Source: Szegedy et al. 2014.
public final class Inception: Module {
  private let path1: Conv2D
  private let path2: (Conv2D, Conv2D)
  private let path3: (Conv2D, Conv2D)
  private let path4: (MaxPool2D, Conv2D)

  /// Output channels of the paths: 1×1; 1×1 then 3×3; 1×1 then 5×5; maximum then 1×1.
  public init(_ inChannels: Int, _ first: Int, _ second: (Int, Int), _ third: (Int, Int), _ fourth: Int) {
    func convolution(_ name: String, _ inChannels: Int, _ outChannels: Int, _ kernel: Int) -> Conv2D {
      Conv2D(
        inChannels, outChannels, kernel: [kernel, kernel], padding: [kernel / 2, kernel / 2], weights: .xavierUniform
      ).named(name)
    }
    path1 = convolution("p1_1", inChannels, first, 1)
    path2 = (convolution("p2_1", inChannels, second.0, 1), convolution("p2_2", second.0, second.1, 3))
    path3 = (convolution("p3_1", inChannels, third.0, 1), convolution("p3_2", third.0, third.1, 5))
    path4 = (MaxPool2D(3, stride: 1, padding: 1).named("p4_1"), convolution("p4_2", inChannels, fourth, 1))
  }

  public override func forward(_ input: Tensor) -> Tensor {
    let (one, three) = (path1(input).relu(), path2.1(path2.0(input).relu()).relu())
    let (five, pooled) = (path3.1(path3.0(input).relu()).relu(), path4.1(path4.0(input)).relu())
    return .concatenate([one, three, five, pooled], axis: 1)
  }
}

/// GoogLeNet as in the book. `[batch, 1, 96, 96]` (or any size from 32 on) to `[batch, 10]`.
public func googLeNet(classes: Int = 10, channels: Int = 1) -> Sequential {
  let xavier = Initializer.xavierUniform
  let halving = { MaxPool2D(3, stride: 2, padding: 1) }
  return Sequential(
    Sequential(
      Conv2D(channels, 64, kernel: 7, stride: 2, padding: 3, weights: xavier), ReLU(), halving()),
    Sequential(
      Conv2D(64, 64, kernel: 1, weights: xavier), ReLU(),
      Conv2D(64, 192, kernel: 3, padding: 1, weights: xavier), ReLU(), halving()),
    Sequential(
      Inception(192, 64, (96, 128), (16, 32), 32), Inception(256, 128, (128, 192), (32, 96), 64), halving()),
    Sequential(
      Inception(480, 192, (96, 208), (16, 48), 64), Inception(512, 160, (112, 224), (24, 64), 64),
      Inception(512, 128, (128, 256), (24, 64), 64), Inception(512, 112, (144, 288), (32, 64), 64),
      Inception(528, 256, (160, 320), (32, 128), 128), halving()),
    Sequential(
      Inception(832, 256, (160, 320), (32, 128), 128), Inception(832, 384, (192, 384), (48, 128), 128),
      AdaptiveAvgPool2D(1), Flatten()),
    Linear(1024, classes, weights: xavier))
}
