import Tensors

/// Two-dimensional cross-correlation, `[batch, inChannels, height, width]` to `[batch, outChannels, …]`; weights
/// `[outChannels, inChannels / groups, kernelHeight, kernelWidth]`.
public final class Conv2D: WeightedLayer {
  /// How far the kernel moves, the zeros around the image, and how far apart the kernel's elements lie: height, width each.
  public let stride, padding, dilation: [Int]
  /// Into how many groups the channels fall that do not see each other.
  public let groups: Int

  /// Kernel, stride, padding and dilation: one number for both directions, or vertical and horizontal.
  public init(
    _ inChannels: Int, _ outChannels: Int, kernel: Extent, stride: Extent = 1, padding: Extent = 0,
    dilation: Extent = 1, groups: Int = 1, bias: Bool = true, weights: Initializer = .fanInUniform,
    biases: Initializer? = nil
  ) {
    (self.stride, self.padding, self.dilation, self.groups) = (stride.both, padding.both, dilation.both, groups)
    let shape = Shape([outChannels, groups > 0 ? inChannels / groups : 0] + kernel.both)
    super.init(weight: shape, bias: bias, weights: weights, biases: biases)
  }

  public override func forward(_ input: Tensor) -> Tensor {
    input.convolved(
      weight, bias: bias, stride: stride, padding: padding, dilation: dilation, groups: groups)
  }
}

/// Cross-correlation of sequences, `[batch, inChannels, length]` to `[batch, outChannels, …]`; weights
/// `[outChannels, inChannels / groups, kernel]`.
public final class Conv1D: WeightedLayer {
  /// How far the kernel moves, the zeros at both ends, how far apart the kernel's elements lie, and into how many groups the channels
  /// fall that do not see each other.
  public let stride, padding, dilation, groups: Int

  /// PyTorch's first values unless said otherwise.
  public init(
    _ inChannels: Int, _ outChannels: Int, kernel: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1,
    groups: Int = 1, bias: Bool = true, weights: Initializer = .fanInUniform, biases: Initializer? = nil
  ) {
    (self.stride, self.padding, self.dilation, self.groups) = (stride, padding, dilation, groups)
    let shape: Shape = [outChannels, groups > 0 ? inChannels / groups : 0, kernel]
    super.init(weight: shape, bias: bias, weights: weights, biases: biases)
  }

  public override func forward(_ input: Tensor) -> Tensor {
    input.convolved1D(
      weight, bias: bias, stride: stride, padding: padding, dilation: dilation, groups: groups)
  }
}

/// Two-dimensional transposed convolution, `[batch, inChannels, height, width]` to `[batch, outChannels, …]`, larger by the stride;
/// weights `[inChannels, outChannels / groups, kernelHeight, kernelWidth]`.
public final class ConvTranspose2D: WeightedLayer {
  /// How far apart the pixels are put, what is cut off around the output, what it has more below and right, and how far apart the
  /// kernel's elements are put: height, width each.
  public let stride, padding, outputPadding, dilation: [Int]
  /// Into how many groups the channels fall that do not see each other.
  public let groups: Int

  /// One number for both directions, or vertical and horizontal.
  public init(
    _ inChannels: Int, _ outChannels: Int, kernel: Extent, stride: Extent = 1, padding: Extent = 0,
    outputPadding: Extent = 0, groups: Int = 1, bias: Bool = true, dilation: Extent = 1,
    weights: Initializer = .fanInUniform, biases: Initializer? = nil
  ) {
    (self.stride, self.padding, self.outputPadding) = (stride.both, padding.both, outputPadding.both)
    (self.dilation, self.groups) = (dilation.both, groups)
    let shape = Shape([inChannels, groups > 0 ? outChannels / groups : 0] + kernel.both)
    super.init(weight: shape, outputs: outChannels, bias: bias, weights: weights, biases: biases)
  }

  public override func forward(_ input: Tensor) -> Tensor {
    input.transposeConvolved(
      weight, bias: bias, stride: stride, padding: padding, outputPadding: outputPadding, groups: groups,
      dilation: dilation)
  }
}

/// An extent in both directions: `3`, or `[3, 5]` for vertical and horizontal.
public struct Extent: Sendable, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral {
  /// Height and width.
  public let both: [Int]

  /// Height, then width.
  public init(_ extents: [Int]) { both = extents.count == 1 ? [extents[0], extents[0]] : extents }
  public init(integerLiteral value: Int) { both = [value, value] }
  public init(arrayLiteral extents: Int...) { self.init(extents) }
}
