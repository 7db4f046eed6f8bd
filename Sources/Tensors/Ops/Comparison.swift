// Comparisons give bool tensors, with broadcasting; they have no gradient.

infix operator .== : ComparisonPrecedence
infix operator .!= : ComparisonPrecedence

extension Tensor {
  /// Element by element, broadcast to one shape: `bool`.
  public static func .== (left: Tensor, right: Tensor) -> Tensor { left.compared(right, Equal.self) }
  /// Element by element, broadcast to one shape: `bool`.
  public static func .!= (left: Tensor, right: Tensor) -> Tensor { left.compared(right, Unequal.self) }
  /// Element by element, broadcast to one shape: `bool`.
  public static func < (left: Tensor, right: Tensor) -> Tensor { left.compared(right, Less.self) }
  /// Element by element, broadcast to one shape: `bool`.
  public static func <= (left: Tensor, right: Tensor) -> Tensor { left.compared(right, LessOrEqual.self) }
  // Turned round by hand rather than by exchanging operands, so that the left one's fault comes first.
  /// Element by element, broadcast to one shape: `bool`.
  public static func > (left: Tensor, right: Tensor) -> Tensor { left.compared(right, Greater.self) }
  /// Element by element, broadcast to one shape: `bool`.
  public static func >= (left: Tensor, right: Tensor) -> Tensor { left.compared(right, GreaterOrEqual.self) }

  private func compared<Rule: ComparisonRule>(_ other: Tensor, _ rule: Rule.Type) -> Tensor {
    attempt(other, as: shape.stretched(with: other.shape), .bool) {
      let dtype = self.dtype(with: other)
      return try dtype.perform(Compare<Rule>(left: to(dtype), right: other.to(dtype)))
        .traced([self, other], as: TracedOperation(Rule.name))
    }
  }

  /// `self` where `condition` holds, else `other`, all three broadcast to one shape; the derivative goes to the one
  /// chosen.
  public final func chosen(where condition: Tensor, else other: Tensor) -> Tensor {
    attempt(condition, other, as: shape.stretched(with: other.shape).stretched(with: condition.shape)) {
      let dtype = self.dtype(with: other)
      let flags = condition.to(.bool)
      // A product would turn an unchosen infinity into NaN, so the values are picked rather than multiplied.
      let shape = try self.shape.broadcast(with: other.shape, for: "where").broadcast(with: flags.shape, for: "where")
      let result = try dtype.perform(
        Choose(
          mask: flags.expanded(to: shape).packed(), first: to(dtype).expanded(to: shape).packed(),
          second: other.to(dtype).expanded(to: shape).packed()))
      let (first, second) = (outline, other.outline)
      return result.recorded([self, other], as: TracedOperation("Where"), with: [condition]) { gradient in
        let mask = flags.to(gradient.dtype)
        return [first.unbroadcast(gradient * mask), second.unbroadcast(gradient * (1 - mask))]
      }
    }
  }
}

private protocol ComparisonRule {
  /// As ONNX has it.
  static var name: String { get }
  static func apply<T: Element>(_ left: T, _ right: T) -> Bool
}
private enum Equal: ComparisonRule {
  static var name: String { "Equal" }
  static func apply<T: Element>(_ left: T, _ right: T) -> Bool { left == right }
}
private enum Unequal: ComparisonRule {
  static var name: String { "NotEqual" }
  static func apply<T: Element>(_ left: T, _ right: T) -> Bool { left != right }
}
private enum Less: ComparisonRule {
  static var name: String { "Less" }
  static func apply<T: Element>(_ left: T, _ right: T) -> Bool { T.isLess(left, right) }
}
private enum LessOrEqual: ComparisonRule {
  static var name: String { "LessOrEqual" }
  static func apply<T: Element>(_ left: T, _ right: T) -> Bool { left == right || T.isLess(left, right) }
}
private enum Greater: ComparisonRule {
  static var name: String { "Greater" }
  static func apply<T: Element>(_ left: T, _ right: T) -> Bool { T.isLess(right, left) }
}
private enum GreaterOrEqual: ComparisonRule {
  static var name: String { "GreaterOrEqual" }
  static func apply<T: Element>(_ left: T, _ right: T) -> Bool { left == right || T.isLess(right, left) }
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
    let (flags, a, b) = (try mask.pointer(Bool.self), try first.pointer(T.self), try second.pointer(T.self))
    let target = try result.pointer(T.self)
    for i in 0..<result.elementCount { target[i] = flags[i] ? a[i] : b[i] }
    return result
  }
}
