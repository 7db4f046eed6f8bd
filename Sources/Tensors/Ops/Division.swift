// Rounding, and division with a remainder as Python and PyTorch have it: quotients are rounded down, and a remainder has the
// divisor's sign.

extension Tensor {
  /// The next whole number below. As all of these hands integers on and has no gradient; PyTorch's is 0 everywhere.
  public final func floor() -> Tensor { rounded(.down, "Floor") }
  /// The next whole number above.
  public final func ceil() -> Tensor { rounded(.up, "Ceil") }
  /// The nearest whole number, of two as near the even one.
  public final func round() -> Tensor { rounded(.toNearestOrEven, "Round") }
  /// Without what is behind the point.
  public final func trunc() -> Tensor { rounded(.towardZero, "Trunc") }

  private final func rounded(_ rule: FloatingPointRoundingRule, _ name: String) -> Tensor {
    attempt {
      guard dtype.isFloat else { return self }
      return try detached().mapped({ $0.rounded(rule) }, { $0.rounded(rule) }).traced([self], as: TracedOperation(name))
    }
  }

  /// `⌊a / b⌋`: PyTorch's `floor_divide`, Python's `//`. No gradient. An integer divided by 0 is a fault.
  public final func floorDivided(by divisor: Tensor) -> Tensor {
    attempt(divisor, as: shape.stretched(with: divisor.shape), dtype(with: divisor)) {
      try divided(by: divisor, Quotient.self).traced([self, divisor], as: TracedOperation("FloorDivide"))
    }
  }

  /// The same by a number.
  public final func floorDivided<N: TensorNumber>(by divisor: N) -> Tensor { floorDivided(by: scalar(divisor)) }

  /// `a - b ⌊a / b⌋`: PyTorch's `remainder`; of integers `b` must not be 0. Derivatives 1 and `-⌊a / b⌋`.
  public static func % (left: Tensor, right: Tensor) -> Tensor {
    left.attempt(right, as: left.shape.stretched(with: right.shape), left.dtype(with: right)) {
      try left.divided(by: right, Remainder.self).recorded(
        [left, right], needing: left, right, as: TracedOperation("Remainder")
      ) {
        [
          left.unbroadcast($0),
          right.tracksGradient ? right.unbroadcast(-$0 * left.floorDivided(by: right)) : nil,
        ]
      }
    }
  }

  /// The remainder of each element, with the divisor's sign.
  public static func % <N: TensorNumber>(left: Tensor, right: N) -> Tensor { left % left.scalar(right) }
  /// The remainder for each divisor, with the divisor's sign.
  public static func % <N: TensorNumber>(left: N, right: Tensor) -> Tensor { right.scalar(left) % right }

  /// Not recorded.
  private final func divided<Rule: DivisionRule>(by divisor: Tensor, _ rule: Rule.Type) throws -> Tensor {
    let dtype = self.dtype(with: divisor)
    let (left, right) = (detached().to(dtype), divisor.detached().to(dtype))
    switch dtype {
    case .bool: throw TensorError(Rule.name, "of numbers, not of bool \(shape) and \(divisor.shape)")
    case .uint8: return try left.wholes(UInt8.self, by: right, rule)
    case .int32: return try left.wholes(Int32.self, by: right, rule)
    case .int64: return try left.wholes(Int64.self, by: right, rule)
    case .float32, .float64: return try left.paired(right, Rule.name, { Rule.apply($0, $1) }, { Rule.apply($0, $1) })
    }
  }

  private final func wholes<T: Element & FixedWidthInteger, Rule: DivisionRule>(
    _ type: T.Type, by divisor: Tensor, _ rule: Rule.Type
  ) throws -> Tensor {
    var isByZero = false
    let result = try BroadcastPair(self, divisor, Rule.name).combine { (a: T, b: T) -> T in
      if b == 0 {
        isByZero = true
        return 0
      }
      return Rule.apply(a, b)
    }
    if isByZero { throw TensorError(Rule.name, "an integer of \(shape) by 0") }
    return result
  }
}

private protocol DivisionRule {
  static var name: String { get }
  /// Of integers, of which the second is not 0; what does not fit wraps around.
  static func apply<T: FixedWidthInteger>(_ left: T, _ right: T) -> T
  static func apply<T: BinaryFloatingPoint>(_ left: T, _ right: T) -> T
}

private enum Quotient: DivisionRule {
  static var name: String { "floor division" }

  static func apply<T: FixedWidthInteger>(_ left: T, _ right: T) -> T {
    let quotient = left.dividedReportingOverflow(by: right).partialValue
    let rest = left.remainderReportingOverflow(dividingBy: right).partialValue
    return rest != 0 && (rest < 0) != (right < 0) ? quotient &- 1 : quotient
  }

  /// Of the exact remainder, as a rounded quotient may reach the next whole number. Source: CPython's `float_floor_div`.
  static func apply<T: BinaryFloatingPoint>(_ left: T, _ right: T) -> T {
    if right == 0 { return left / right }
    let rest = left.truncatingRemainder(dividingBy: right)
    var quotient = (left - rest) / right
    if rest != 0 && (rest < 0) != (right < 0) { quotient -= 1 }
    if quotient == 0 { return T(signOf: left / right, magnitudeOf: 0) }
    let whole = quotient.rounded(.down)
    return quotient - whole > 0.5 ? whole + 1 : whole
  }
}

private enum Remainder: DivisionRule {
  static var name: String { "remainder" }

  static func apply<T: FixedWidthInteger>(_ left: T, _ right: T) -> T {
    let rest = left.remainderReportingOverflow(dividingBy: right).partialValue
    return rest != 0 && (rest < 0) != (right < 0) ? rest &+ right : rest
  }

  static func apply<T: BinaryFloatingPoint>(_ left: T, _ right: T) -> T {
    let rest = left.truncatingRemainder(dividingBy: right)
    return rest != 0 && (rest < 0) != (right < 0) ? rest + right : rest
  }
}
