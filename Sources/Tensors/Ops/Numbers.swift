// Tensors beside plain numbers: `x * 2`, `1 - x`, `x > n`. A number takes the tensor's type, see `scalar`.

/// A number of Swift's that stands beside a tensor.
public protocol TensorNumber: Sendable {
  /// As a float of eight bytes.
  var asDouble: Double { get }
  /// The number if it is whole and within 64 bits.
  var whole: Int64? { get }
}

extension Float: TensorNumber {
  @inlinable public var whole: Int64? { Int64(exactly: self) }
}
extension Double: TensorNumber {
  @inlinable public var whole: Int64? { Int64(exactly: self) }
}
extension Int: TensorNumber {
  @inlinable public var asDouble: Double { Double(self) }
  @inlinable public var whole: Int64? { Int64(self) }
}
extension Int64: TensorNumber { @inlinable public var whole: Int64? { self } }
extension Int32: TensorNumber { @inlinable public var whole: Int64? { Int64(self) } }
extension UInt8: TensorNumber { @inlinable public var whole: Int64? { Int64(self) } }

extension Tensor {
  /// Element by element, broadcast to one shape.
  @inlinable public static func + <N: TensorNumber>(left: Tensor, right: N) -> Tensor { left + left.scalar(right) }
  /// Element by element, broadcast to one shape.
  @inlinable public static func + <N: TensorNumber>(left: N, right: Tensor) -> Tensor { right.scalar(left) + right }
  /// Element by element, broadcast to one shape.
  @inlinable public static func - <N: TensorNumber>(left: Tensor, right: N) -> Tensor { left - left.scalar(right) }
  /// Element by element, broadcast to one shape.
  @inlinable public static func - <N: TensorNumber>(left: N, right: Tensor) -> Tensor { right.scalar(left) - right }
  /// Element by element, broadcast to one shape.
  @inlinable public static func * <N: TensorNumber>(left: Tensor, right: N) -> Tensor { left * left.scalar(right) }
  /// Element by element, broadcast to one shape.
  @inlinable public static func * <N: TensorNumber>(left: N, right: Tensor) -> Tensor { right.scalar(left) * right }
  /// Element by element, broadcast to one shape.
  @inlinable public static func / <N: TensorNumber>(left: Tensor, right: N) -> Tensor { left / left.scalar(right) }
  /// Element by element, broadcast to one shape.
  @inlinable public static func / <N: TensorNumber>(left: N, right: Tensor) -> Tensor { right.scalar(left) / right }

  /// Element by element, broadcast to one shape: `bool`.
  @inlinable public static func .== <N: TensorNumber>(left: Tensor, right: N) -> Tensor { left .== left.scalar(right) }
  /// Element by element, broadcast to one shape: `bool`.
  @inlinable public static func .!= <N: TensorNumber>(left: Tensor, right: N) -> Tensor { left .!= left.scalar(right) }
  /// Element by element, broadcast to one shape: `bool`.
  @inlinable public static func < <N: TensorNumber>(left: Tensor, right: N) -> Tensor { left < left.scalar(right) }
  /// Element by element, broadcast to one shape: `bool`.
  @inlinable public static func > <N: TensorNumber>(left: Tensor, right: N) -> Tensor { left > left.scalar(right) }
  /// Element by element, broadcast to one shape: `bool`.
  @inlinable public static func <= <N: TensorNumber>(left: Tensor, right: N) -> Tensor { left <= left.scalar(right) }
  /// Element by element, broadcast to one shape: `bool`.
  @inlinable public static func >= <N: TensorNumber>(left: Tensor, right: N) -> Tensor { left >= left.scalar(right) }

  /// `x += y` is `x = x + y`: recorded, and other names of x keep the old value. Only a leaf that requires a gradient, such as
  /// a parameter within `withoutGradient`, is changed in place. For an axis of its own, `x[0] += y` changes x.
  public static func += (left: inout Tensor, right: Tensor) { replace(&left, by: left + right) }
  /// The variable holds the result; a tensor that others hold stays as it was.
  public static func -= (left: inout Tensor, right: Tensor) { replace(&left, by: left - right) }
  /// The variable holds the result; a tensor that others hold stays as it was.
  public static func *= (left: inout Tensor, right: Tensor) { replace(&left, by: left * right) }
  /// The variable holds the result; a tensor that others hold stays as it was.
  public static func /= (left: inout Tensor, right: Tensor) { replace(&left, by: left / right) }

  /// The variable holds the result; a tensor that others hold stays as it was.
  public static func += <N: TensorNumber>(left: inout Tensor, right: N) { replace(&left, by: left + right) }
  /// The variable holds the result; a tensor that others hold stays as it was.
  public static func -= <N: TensorNumber>(left: inout Tensor, right: N) { replace(&left, by: left - right) }
  /// The variable holds the result; a tensor that others hold stays as it was.
  public static func *= <N: TensorNumber>(left: inout Tensor, right: N) { replace(&left, by: left * right) }
  /// The variable holds the result; a tensor that others hold stays as it was.
  public static func /= <N: TensorNumber>(left: inout Tensor, right: N) { replace(&left, by: left / right) }

  private static func replace(_ tensor: inout Tensor, by value: Tensor) {
    if tensor.requiresGradient && !Recording.isOn { tensor.assign(value) } else { tensor = value }
  }

  /// A scalar of this tensor's type; int64 where a narrower integer can't hold it, float32 where an integer tensor meets a
  /// fraction or bool a number.
  @inlinable final func scalar<N: TensorNumber>(_ number: N) -> Tensor { scalar(number.asDouble, number.whole) }

  @usableFromInline final func scalar(_ value: Double, _ whole: Int64?) -> Tensor {
    if dtype.isFloat { return .full([], value, dtype) }
    guard dtype != .bool, let whole else { return .full([], value, .float32) }
    let fits = dtype == .uint8 ? UInt8(exactly: whole) != nil : dtype == .int64 || Int32(exactly: whole) != nil
    return fits && dtype != .int64 ? .full([], value, dtype) : Tensor([whole], shape: [])
  }
}
