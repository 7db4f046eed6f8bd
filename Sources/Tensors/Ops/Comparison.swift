// Comparisons give bool tensors, with broadcasting; they have no gradient.

infix operator .== : ComparisonPrecedence
infix operator .!= : ComparisonPrecedence

extension Tensor {
  public static func .== (left: Tensor, right: Tensor) throws -> Tensor { try left.compared(right, Equal.self) }
  public static func .!= (left: Tensor, right: Tensor) throws -> Tensor { try left.compared(right, Unequal.self) }
  public static func < (left: Tensor, right: Tensor) throws -> Tensor { try left.compared(right, Less.self) }
  public static func <= (left: Tensor, right: Tensor) throws -> Tensor { try left.compared(right, LessOrEqual.self) }
  public static func > (left: Tensor, right: Tensor) throws -> Tensor { try right < left }
  public static func >= (left: Tensor, right: Tensor) throws -> Tensor { try right <= left }

  public static func .== (left: Tensor, right: Double) throws -> Tensor { try left .== left.scalar(right) }
  public static func < (left: Tensor, right: Double) throws -> Tensor { try left < left.scalar(right) }
  public static func > (left: Tensor, right: Double) throws -> Tensor { try left > left.scalar(right) }
  public static func <= (left: Tensor, right: Double) throws -> Tensor { try left <= left.scalar(right) }
  public static func >= (left: Tensor, right: Double) throws -> Tensor { try left >= left.scalar(right) }

  private func compared<Rule: ComparisonRule>(_ other: Tensor, _ rule: Rule.Type) throws -> Tensor {
    let dtype = Swift.max(self.dtype, other.dtype)
    return try dtype.perform(Compare<Rule>(left: try to(dtype), right: try other.to(dtype)))
  }

  /// `self` where `condition` holds, else `other`; the derivative goes to the one chosen.
  public final func chosen(where condition: Tensor, else other: Tensor) throws -> Tensor {
    let mask = try condition.to(.bool).to(Swift.max(dtype, other.dtype))
    let inverse = try 1 - mask
    // A product would turn an unchosen infinity into NaN, so the values are picked rather than multiplied.
    let shape = try self.shape.broadcast(with: other.shape, for: "where").broadcast(with: mask.shape, for: "where")
    let result = try mask.dtype.perform(
      Choose(
        mask: try condition.to(.bool).expanded(to: shape).packed(),
        first: try to(mask.dtype).expanded(to: shape).packed(),
        second: try other.to(mask.dtype).expanded(to: shape).packed()))
    return result.recorded([self, other]) {
      [try self.unbroadcast($0 * mask), try other.unbroadcast($0 * inverse)]
    }
  }
}

private protocol ComparisonRule {
  static func apply<T: Element>(_ left: T, _ right: T) -> Bool
}
private enum Equal: ComparisonRule {
  static func apply<T: Element>(_ left: T, _ right: T) -> Bool { left == right }
}
private enum Unequal: ComparisonRule {
  static func apply<T: Element>(_ left: T, _ right: T) -> Bool { left != right }
}
private enum Less: ComparisonRule {
  static func apply<T: Element>(_ left: T, _ right: T) -> Bool { T.isLess(left, right) }
}
private enum LessOrEqual: ComparisonRule {
  static func apply<T: Element>(_ left: T, _ right: T) -> Bool { left == right || T.isLess(left, right) }
}

private struct Compare<Rule: ComparisonRule>: TypedAction {
  let left, right: Tensor

  func run<T: Element>(_ type: T.Type) throws -> Tensor {
    try BroadcastPair(left, right, "compare").combine { (a: T, b: T) in Rule.apply(a, b) }
  }
}

private struct Choose: TypedAction {
  let mask, first, second: Tensor

  func run<T: Element>(_ type: T.Type) throws -> Tensor {
    let result = try Tensor(uninitialized: first.shape, T.dtype)
    let (flags, a, b) = (mask.pointer(Bool.self), first.pointer(T.self), second.pointer(T.self))
    let target = result.pointer(T.self)
    for i in 0..<result.elementCount { target[i] = flags[i] ? a[i] : b[i] }
    return result
  }
}
