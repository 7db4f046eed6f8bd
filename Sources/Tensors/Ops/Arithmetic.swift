import Kernels

// Arithmetic with broadcasting. Each gradient is summed over the axes along which its operand was repeated.

extension Tensor {
  /// `a + b`; derivatives 1 and 1.
  public static func + (left: Tensor, right: Tensor) throws -> Tensor {
    try left.combined(right, Sum.self).recorded([left, right]) {
      [try left.unbroadcast($0), try right.unbroadcast($0)]
    }
  }

  /// `a - b`; derivatives 1 and -1.
  public static func - (left: Tensor, right: Tensor) throws -> Tensor {
    try left.combined(right, Difference.self).recorded([left, right]) {
      [try left.unbroadcast($0), right.tracksGradient ? try right.unbroadcast(-$0) : nil]
    }
  }

  /// `a · b`; derivatives b and a.
  public static func * (left: Tensor, right: Tensor) throws -> Tensor {
    try left.combined(right, Product.self).recorded([left, right]) {
      [
        left.tracksGradient ? try left.unbroadcast($0 * right) : nil,
        right.tracksGradient ? try right.unbroadcast($0 * left) : nil,
      ]
    }
  }

  /// `a / b`, in float32 for integers; derivatives 1 / b and -a / b².
  public static func / (left: Tensor, right: Tensor) throws -> Tensor {
    let dtype = Swift.max(left.dtype, right.dtype, DType.float32)
    let (left, right) = (try left.to(dtype), try right.to(dtype))
    return try left.paired(right, "divide", { $0 / $1 }, { $0 / $1 }).recorded([left, right]) {
      [
        left.tracksGradient ? try left.unbroadcast($0 / right) : nil,
        right.tracksGradient ? try right.unbroadcast(-1 * $0 * left / (right * right)) : nil,
      ]
    }
  }

  public static prefix func - (tensor: Tensor) throws -> Tensor { try tensor * -1 }

  public static func + (left: Tensor, right: Double) throws -> Tensor { try left + left.scalar(right) }
  public static func + (left: Double, right: Tensor) throws -> Tensor { try right.scalar(left) + right }
  public static func - (left: Tensor, right: Double) throws -> Tensor { try left - left.scalar(right) }
  public static func - (left: Double, right: Tensor) throws -> Tensor { try right.scalar(left) - right }
  public static func * (left: Tensor, right: Double) throws -> Tensor { try left * left.scalar(right) }
  public static func * (left: Double, right: Tensor) throws -> Tensor { try right.scalar(left) * right }
  public static func / (left: Tensor, right: Double) throws -> Tensor { try left / left.scalar(right) }
  public static func / (left: Double, right: Tensor) throws -> Tensor { try right.scalar(left) / right }

  /// The larger of each pair; the derivative goes to the larger one, and half to each of two equal ones, as in PyTorch.
  public final func maximum(_ other: Tensor) throws -> Tensor { try extremum(other, Larger.self) { try $0 > $1 } }

  /// The smaller of each pair; derivative as for `maximum`.
  public final func minimum(_ other: Tensor) throws -> Tensor { try extremum(other, Smaller.self) { try $0 < $1 } }

  private final func extremum(
    _ other: Tensor, _ rule: (some BinaryRule).Type, _ wins: @escaping (Tensor, Tensor) throws -> Tensor
  ) throws -> Tensor {
    try combined(other, rule).recorded([self, other]) { gradient in
      let share = try (self .== other).to(gradient.dtype) * 0.5
      return [
        try self.unbroadcast(gradient * (wins(self, other).to(gradient.dtype) + share)),
        try other.unbroadcast(gradient * (wins(other, self).to(gradient.dtype) + share)),
      ]
    }
  }

  /// A scalar of this tensor's type; int64 where a narrower integer can't hold it, float32 where an integer tensor meets a
  /// fraction or bool a number.
  final func scalar(_ value: Double) throws -> Tensor {
    if dtype.isFloat { return try .full([], value, dtype) }
    guard dtype != .bool, let whole = Int64(exactly: value) else { return try .full([], value, .float32) }
    let fits = dtype == .uint8 ? UInt8(exactly: whole) != nil : dtype == .int64 || Int32(exactly: whole) != nil
    return try .full([], value, fits ? dtype : .int64)
  }

  /// `gradient` summed over the axes along which this operand was repeated.
  final func unbroadcast(_ gradient: Tensor) throws -> Tensor? {
    guard tracksGradient else { return nil }
    let converted = try gradient.to(dtype)
    if converted.shape == shape { return converted }
    let lead = converted.rank - rank
    let repeated = converted.shape.indices.filter { $0 < lead || shape[$0 - lead] == 1 && converted.shape[$0] != 1 }
    return try converted.sum(Array(repeated), keepingAxes: true).reshaped(shape)
  }

  /// `self += other`, same shape, type and dense layout. Not recorded.
  final func addInPlace(_ other: Tensor) throws {
    try dtype.perform(AddInPlace(target: self, other: other))
  }
}

/// A rule for two numbers of any type.
protocol BinaryRule {
  static func apply<T: Element>(_ left: T, _ right: T) -> T
}
private enum Sum: BinaryRule {
  @inline(__always) static func apply<T: Element>(_ left: T, _ right: T) -> T { T.adding(left, right) }
}
private enum Difference: BinaryRule {
  @inline(__always) static func apply<T: Element>(_ left: T, _ right: T) -> T { T.subtracting(left, right) }
}
private enum Product: BinaryRule {
  @inline(__always) static func apply<T: Element>(_ left: T, _ right: T) -> T { T.multiplying(left, right) }
}
private enum Larger: BinaryRule {
  @inline(__always) static func apply<T: Element>(_ left: T, _ right: T) -> T { T.isLess(left, right) ? right : left }
}
private enum Smaller: BinaryRule {
  @inline(__always) static func apply<T: Element>(_ left: T, _ right: T) -> T { T.isLess(right, left) ? right : left }
}

extension Tensor {
  /// `rule` on each pair of broadcast elements, in the wider of both types. Not recorded.
  fileprivate final func combined<Rule: BinaryRule>(_ other: Tensor, _ rule: Rule.Type) throws -> Tensor {
    let dtype = Swift.max(self.dtype, other.dtype)
    let (left, right) = (try to(dtype), try other.to(dtype))
    return try dtype.perform(Combine<Rule>(left: left, right: right))
  }

  /// A function of each pair of broadcast float elements of one type, once per float type. Not recorded.
  @inline(__always)
  final func paired(
    _ other: Tensor, _ operation: String, _ float: (Float, Float) -> Float, _ double: (Double, Double) -> Double
  ) throws -> Tensor {
    let pair = try BroadcastPair(self, other, operation)
    return dtype == .float64 ? try pair.combine(double) : try pair.combine(float)
  }
}

private struct Combine<Rule: BinaryRule>: TypedAction {
  let left, right: Tensor

  func run<T: Element>(_ type: T.Type) throws -> Tensor {
    try BroadcastPair(left, right, "\(Rule.self)".lowercased()).combine { (a: T, b: T) in Rule.apply(a, b) }
  }
}

/// Two operands stretched over the shape of their result.
struct BroadcastPair {
  let left, right: Tensor
  let shape: Shape
  /// Of the result: those of the operands where both lie alike without gaps, so that channels-last stays channels-last.
  private let strides: [Int]
  private let isAligned: Bool

  init(_ left: Tensor, _ right: Tensor, _ operation: String) throws {
    shape = try left.shape.broadcast(with: right.shape, for: operation)
    isAligned = left.shape == right.shape && left.strides == right.strides && left.isDense
    self.left = isAligned ? left : try left.expanded(to: shape)
    self.right = isAligned ? right : try right.expanded(to: shape)
    strides = isAligned ? left.strides : shape.rowMajorStrides
  }

  @inline(__always)
  func combine<A: Element, B: Element, R: Element>(_ operation: (A, B) -> R) throws -> Tensor {
    let result = try Tensor(uninitialized: shape, R.dtype, strides: strides)
    let (first, second, target) = (left.pointer(A.self), right.pointer(B.self), result.pointer(R.self))
    if isAligned {
      for i in 0..<shape.elementCount { target[i] = operation(first[i], second[i]) }
    } else {
      Loops.combine(
        extents: shape.extents, first, left.strides, second, right.strides, into: target, operation)
    }
    return result
  }
}

private struct AddInPlace: TypedAction {
  let target, other: Tensor

  func run<T: Element>(_ type: T.Type) throws {
    let (sum, addend) = (target.pointer(T.self), other.pointer(T.self))
    for i in 0..<target.elementCount { sum[i] = T.adding(sum[i], addend[i]) }
  }
}
