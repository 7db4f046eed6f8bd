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

/// An extent in both directions: `3`, or `[3, 5]` for vertical and horizontal.
public struct Extent: Sendable, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral {
  /// Height and width.
  public let both: [Int]

  /// Height, then width.
  public init(_ extents: [Int]) { both = extents.count == 1 ? [extents[0], extents[0]] : extents }
  public init(integerLiteral value: Int) { both = [value, value] }
  public init(arrayLiteral extents: Int...) { self.init(extents) }
}
