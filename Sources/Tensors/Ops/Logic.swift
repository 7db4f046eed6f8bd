// Truth values: `any` and `all` over axes, what is a number, and the logical operators. None has a gradient.

extension Tensor {
  /// Whether an element is not 0, over all of them or some axes; of no elements false. NaN is not 0.
  public final func any(_ axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
    attempt(as: shape.reduced(axes, keepingAxes: keepingAxes), .bool) {
      truth().sum(axes, keepingAxes: keepingAxes) > 0
    }
  }

  /// Whether an element along this axis is not 0.
  public final func any(_ axis: Int, keepingAxes: Bool = false) -> Tensor { any([axis], keepingAxes: keepingAxes) }

  /// Whether no element is 0, over all of them or some axes; of no elements true.
  public final func all(_ axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
    attempt(as: shape.reduced(axes, keepingAxes: keepingAxes), .bool) {
      (~truth()).sum(axes, keepingAxes: keepingAxes) .== 0
    }
  }

  /// Whether no element along this axis is 0.
  public final func all(_ axis: Int, keepingAxes: Bool = false) -> Tensor { all([axis], keepingAxes: keepingAxes) }

  /// Which elements are not numbers; of integers none.
  public final func isnan() -> Tensor { self .!= self }

  /// Which elements are infinite, of either sign; of integers none.
  public final func isinf() -> Tensor {
    attempt(as: nil, .bool) { dtype.isFloat ? abs() .== Double.infinity : .zeros(shape, .bool) }
  }

  /// Which elements are neither NaN nor infinite; of integers all.
  public final func isfinite() -> Tensor {
    attempt(as: nil, .bool) { dtype.isFloat ? abs() < Double.infinity : .ones(shape, .bool) }
  }

  /// What is not 0.
  private final func truth() -> Tensor { dtype == .bool ? self : self .!= 0 }
}

extension Tensor {
  /// "And" of bool tensors, of integers bit by bit. As in Python it binds more tightly than comparisons: `(x > 1) & (x < 3)`.
  public static func & (left: Tensor, right: Tensor) -> Tensor { left.joined(right, And.self) }
  /// "Or" of bool tensors, of integers bit by bit.
  public static func | (left: Tensor, right: Tensor) -> Tensor { left.joined(right, Or.self) }
  /// Whether one of two is true and the other is not; of integers bit by bit.
  public static func ^ (left: Tensor, right: Tensor) -> Tensor { left.joined(right, Xor.self) }
  /// "Not" of a bool tensor, of integers bit by bit.
  public static prefix func ~ (tensor: Tensor) -> Tensor {
    tensor.attempt {
      if tensor.dtype == .bool { return tensor .== .zeros([], .bool) }
      return tensor ^ .full([], tensor.dtype == .uint8 ? 255 : -1, tensor.dtype)
    }
  }

  private final func joined<Rule: BitRule>(_ other: Tensor, _ rule: Rule.Type) -> Tensor {
    attempt(other, as: shape.stretched(with: other.shape), dtype(with: other)) {
      let dtype = self.dtype(with: other)
      let pair = try BroadcastPair(to(dtype), other.to(dtype), Rule.name)
      switch dtype {
      case .bool:
        return try pair.combine { (a: Bool, b: Bool) in Rule.apply(a, b) }
          .traced([self, other], as: TracedOperation(Rule.onnxName))
      case .uint8: return try pair.combine { (a: UInt8, b: UInt8) in Rule.apply(a, b) }
      case .int32: return try pair.combine { (a: Int32, b: Int32) in Rule.apply(a, b) }
      case .int64: return try pair.combine { (a: Int64, b: Int64) in Rule.apply(a, b) }
      default: throw TensorError(Rule.name, "of bool and integers, not \(self.dtype) \(shape) and \(other.dtype)")
      }
    }
  }
}

private protocol BitRule {
  static var name: String { get }
  /// As ONNX has it, of bool.
  static var onnxName: String { get }
  static func apply(_ left: Bool, _ right: Bool) -> Bool
  static func apply<T: FixedWidthInteger>(_ left: T, _ right: T) -> T
}
private enum And: BitRule {
  static var name: String { "and" }
  static var onnxName: String { "And" }
  static func apply(_ left: Bool, _ right: Bool) -> Bool { left && right }
  static func apply<T: FixedWidthInteger>(_ left: T, _ right: T) -> T { left & right }
}
private enum Or: BitRule {
  static var name: String { "or" }
  static var onnxName: String { "Or" }
  static func apply(_ left: Bool, _ right: Bool) -> Bool { left || right }
  static func apply<T: FixedWidthInteger>(_ left: T, _ right: T) -> T { left | right }
}
private enum Xor: BitRule {
  static var name: String { "xor" }
  static var onnxName: String { "Xor" }
  static func apply(_ left: Bool, _ right: Bool) -> Bool { left != right }
  static func apply<T: FixedWidthInteger>(_ left: T, _ right: T) -> T { left ^ right }
}
