import Tensors

/// Two-dimensional cross-correlation, `[batch, inChannels, height, width]` to `[batch, outChannels, …]`.
public final class Conv2D: Module {
  /// `[outChannels, inChannels / groups, kernelHeight, kernelWidth]`.
  public let weight: Parameter
  /// `[outChannels]`.
  public let bias: Parameter?
  public let stride, padding, dilation: [Int]
  public let groups: Int
  public var weightInitializer: Initializer
  public var biasInitializer: Initializer?

  /// Kernel, stride, padding and dilation: one number for both directions, or vertical and horizontal.
  public init(
    _ inChannels: Int, _ outChannels: Int, kernel: Extent, stride: Extent = 1, padding: Extent = 0,
    dilation: Extent = 1, groups: Int = 1, bias: Bool = true, weights: Initializer = .fanInUniform,
    biases: Initializer? = nil
  ) {
    weight = .parameter(Shape([outChannels, groups > 0 ? inChannels / groups : 0] + kernel.both))
    self.bias = bias ? .parameter([outChannels]) : nil
    (self.stride, self.padding, self.dilation, self.groups) = (stride.both, padding.both, dilation.both, groups)
    weightInitializer = weights
    biasInitializer = biases
    super.init()
    try? initialize(StandaloneKey.next())
  }

  public override var parameters: Tensors {
    if let bias { return ["weight": weight, "bias": bias] }
    return ["weight": weight]
  }

  public override func initialize(_ key: RandomKey) throws {
    try initializeWeights(weight, weightInitializer, bias, biasInitializer, key)
  }

  public override func forward(_ input: Tensor) throws -> Tensor {
    try input.convolved(weight, bias: bias, stride: stride, padding: padding, dilation: dilation, groups: groups)
  }
}

/// An extent in both directions: `3`, or `[3, 5]` for vertical and horizontal.
public struct Extent: Sendable, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral {
  public let both: [Int]

  public init(_ extents: [Int]) { both = extents.count == 1 ? [extents[0], extents[0]] : extents }
  public init(integerLiteral value: Int) { both = [value, value] }
  public init(arrayLiteral extents: Int...) { self.init(extents) }
}
