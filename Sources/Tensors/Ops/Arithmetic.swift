import Kernels

// Arithmetic with broadcasting. Each gradient is summed over the axes along which its operand was repeated.

extension Tensor {
  /// `a + b`; derivatives 1 and 1. As in all operations of two tensors, shapes are aligned at the last axis and extents
  /// of 1 repeat themselves: `[batch, steps, width] + [steps, width]`.
  public static func + (left: Tensor, right: Tensor) -> Tensor {
    left.attempt(right, as: left.shape.stretched(with: right.shape)) {
      let (first, second) = (left.outline, right.outline)
      return try (left.halfSum(with: right) ?? left.combined(right, Sum.self)).recorded(
        [left, right], as: TracedOperation("Add")
      ) {
        [first.unbroadcast($0), second.unbroadcast($0)]
      }
    }
  }

  /// `a - b`; derivatives 1 and -1.
  public static func - (left: Tensor, right: Tensor) -> Tensor {
    left.attempt(right, as: left.shape.stretched(with: right.shape)) {
      let (first, second) = (left.outline, right.outline)
      return try left.combined(right, Difference.self).recorded([left, right], as: TracedOperation("Sub")) {
        [first.unbroadcast($0), second.tracksGradient ? second.unbroadcast(-$0) : nil]
      }
    }
  }

  /// `a · b`; derivatives b and a.
  public static func * (left: Tensor, right: Tensor) -> Tensor {
    left.attempt(right, as: left.shape.stretched(with: right.shape)) {
      let needed = (right.tracksGradient ? left : nil, left.tracksGradient ? right : nil)
      let (first, second) = (left.outline, right.outline)
      return try left.combined(right, Product.self).recorded(
        [left, right], needing: needed.0, needed.1, as: TracedOperation("Mul")
      ) { gradient in
        [
          needed.1.flatMap { first.unbroadcast(gradient * $0) },
          needed.0.flatMap { second.unbroadcast(gradient * $0) },
        ]
      }
    }
  }

  /// `a / b`, in float32 for integers; derivatives 1 / b and -a / b².
  public static func / (left: Tensor, right: Tensor) -> Tensor {
    left.attempt(right, as: left.shape.stretched(with: right.shape)) {
      let dtype = Swift.max(left.dtype(with: right), .float32)
      let (left, right) = (left.to(dtype), right.to(dtype))
      let (first, second) = (left.outline, right.outline)
      let dividend = right.tracksGradient ? left : nil
      return try left.paired(right, "divide", { $0 / $1 }, { $0 / $1 })
        .recorded([left, right], needing: dividend, right, as: TracedOperation("Div")) { gradient in
          [
            first.tracksGradient ? first.unbroadcast(gradient / right) : nil,
            dividend.flatMap { second.unbroadcast(-1 * gradient * $0 / (right * right)) },
          ]
        }
    }
  }

  /// The opposite of each element.
  public static prefix func - (tensor: Tensor) -> Tensor { tensor * -1 }

  /// The larger of each pair, NaN where one is; the derivative goes to the larger one, and half to each of two equal ones, as
  /// in PyTorch.
  public final func maximum(_ other: Tensor) -> Tensor { extremum(other, Larger.self, "Max") { $0 > $1 } }

  /// The smaller of each pair; NaN and derivative as for `maximum`.
  public final func minimum(_ other: Tensor) -> Tensor { extremum(other, Smaller.self, "Min") { $0 < $1 } }

  private final func extremum(
    _ other: Tensor, _ rule: (some BinaryRule).Type, _ name: String, _ wins: @escaping (Tensor, Tensor) -> Tensor
  ) -> Tensor {
    attempt(other, as: shape.stretched(with: other.shape)) {
      try combined(other, rule).recorded([self, other], needing: self, other, as: TracedOperation(name)) { gradient in
        let share = (self .== other).to(gradient.dtype) * 0.5
        return [
          self.unbroadcast(gradient * (wins(self, other).to(gradient.dtype) + share)),
          other.unbroadcast(gradient * (wins(other, self).to(gradient.dtype) + share)),
        ]
      }
    }
  }

  /// The type in which this tensor and another are worked with: the wider one, but a scalar tensor of float64 does not widen
  /// a float32 tensor with axes, as in PyTorch.
  final func dtype(with other: Tensor) -> DType {
    if dtype == other.dtype { return dtype }
    if dtype.isFloat && other.dtype.isFloat && (rank == 0) != (other.rank == 0) {
      return rank == 0 ? other.dtype : dtype
    }
    return Swift.max(dtype, other.dtype)
  }

  /// `gradient` summed over the axes along which this operand was repeated.
  final func unbroadcast(_ gradient: Tensor) -> Tensor? { outline.unbroadcast(gradient) }

  /// `self += other`, same shape, type and dense layout. Not recorded.
  final func addInPlace(_ other: Tensor) {
    change(by: other) {
      if isHalf, other.isHalf {
        try HalfKernels.standard.add(
          halfPointer(), other.halfPointer(), into: halfPointer(), count: elementCount)
      } else {
        try dtype.perform(AddInPlace(target: self, other: other))
      }
    }
  }
}

/// A rule for two numbers of any type.
protocol BinaryRule {
  /// What errors call it.
  static var name: String { get }
  static func apply<T: Element>(_ left: T, _ right: T) -> T
}
private enum Sum: BinaryRule {
  static var name: String { "sum" }
  @inline(__always) static func apply<T: Element>(_ left: T, _ right: T) -> T { T.adding(left, right) }
}
private enum Difference: BinaryRule {
  static var name: String { "difference" }
  @inline(__always) static func apply<T: Element>(_ left: T, _ right: T) -> T { T.subtracting(left, right) }
}
private enum Product: BinaryRule {
  static var name: String { "product" }
  @inline(__always) static func apply<T: Element>(_ left: T, _ right: T) -> T { T.multiplying(left, right) }
}
// A NaN on the left loses no comparison, one on the right is looked for.
private enum Larger: BinaryRule {
  static var name: String { "maximum" }
  @inline(__always) static func apply<T: Element>(_ left: T, _ right: T) -> T {
    T.isLess(left, right) || right != right ? right : left
  }
}
private enum Smaller: BinaryRule {
  static var name: String { "minimum" }
  @inline(__always) static func apply<T: Element>(_ left: T, _ right: T) -> T {
    T.isLess(right, left) || right != right ? right : left
  }
}

extension Tensor {
  /// `rule` on each pair of broadcast elements, in the type of both. Not recorded.
  fileprivate final func combined<Rule: BinaryRule>(_ other: Tensor, _ rule: Rule.Type) throws -> Tensor {
    let dtype = self.dtype(with: other)
    let (left, right) = (to(dtype), other.to(dtype))
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
    try BroadcastPair(left, right, Rule.name).combine { (a: T, b: T) in Rule.apply(a, b) }
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
    self.left = isAligned ? left : left.expanded(to: shape)
    self.right = isAligned ? right : right.expanded(to: shape)
    strides = isAligned ? left.strides : shape.rowMajorStrides
  }

  /// Operands of one type whose elements lie one after the other in one order, and memory for a result of that type.
  func alike() throws -> (left: Tensor, right: Tensor, result: Tensor) {
    let result = try Tensor(uninitialized: shape, left.dtype, strides: strides)
    return isAligned ? (left, right, result) : (left.packed(), right.packed(), result)
  }

  @inline(__always)
  func combine<A: Element, B: Element, R: Element>(_ operation: (A, B) -> R) throws -> Tensor {
    if isAligned, R.dtype == .float32, left.isBlocked, right.isBlocked { return try combineBlocks(operation) }
    let result = try Tensor(uninitialized: shape, R.dtype, strides: strides)
    let (first, second, target) = (try left.pointer(A.self), try right.pointer(B.self), try result.pointer(R.self))
    if isAligned {
      for i in 0..<shape.elementCount { target[i] = operation(first[i], second[i]) }
    } else {
      Loops.combine(
        extents: shape.extents, first, left.strides, second, right.strides, into: target, operation)
    }
    return result
  }
}

extension BroadcastPair {
  /// All of both operands' blocks at once; images in blocks are float32.
  @inline(__always)
  private func combineBlocks<A: Element, B: Element, R: Element>(_ operation: (A, B) -> R) throws -> Tensor {
    let result = try Tensor(images: shape, .blocked)
    let count = result.blockedCount
    func memory<T: Element>(_ tensor: Tensor, _ type: T.Type) throws -> UnsafeMutablePointer<T> {
      UnsafeMutableRawPointer(try tensor.imageMemory().pointer).assumingMemoryBound(to: T.self)
    }
    let (first, second, target) = try (memory(left, A.self), memory(right, B.self), memory(result, R.self))
    for i in 0..<count { target[i] = operation(first[i], second[i]) }
    result.clearPadding()
    return result
  }
}

private struct AddInPlace: TypedAction {
  let target, other: Tensor

  func run<T: Element>(_ type: T.Type) throws {
    let (sum, addend) = (try target.pointer(T.self), try other.pointer(T.self))
    ElementShares.run(target.elementCount) { for i in $0 { sum[i] = T.adding(sum[i], addend[i]) } }
  }
}
