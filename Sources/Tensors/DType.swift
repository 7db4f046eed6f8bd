/// The type of a tensor's elements, from narrow to wide: a mixed operation works in the wider type.
public enum DType: Int, Sendable, CaseIterable, Comparable {
  /// In order: an operation on two types computes in the later one. Comparisons give `bool`, labels are `int64`, layers
  /// compute in `float32`.
  case bool, uint8, int32, int64, float32, float64

  public static func < (left: DType, right: DType) -> Bool { left.rawValue < right.rawValue }

  /// Bytes of an element.
  public var byteCount: Int {
    switch self {
    case .bool, .uint8: 1
    case .int32, .float32: 4
    case .int64, .float64: 8
    }
  }

  /// Whether it is one of the two floats, which alone have gradients.
  public var isFloat: Bool { self >= .float32 }
}

/// A Swift type that can be a tensor's element.
public protocol Element: Sendable, BitwiseCopyable, Equatable {
  /// What a tensor of such elements is.
  static var dtype: DType { get }
  /// Nearest value, saturating where `value` does not fit; NaN becomes 0 in integers.
  init(converting value: Double)
  /// The nearest value of this type.
  init(converting value: Int64)
  /// As a float of eight bytes.
  var asDouble: Double { get }
  /// As an integer; what does not fit becomes the nearest that does.
  var asInt64: Int64 { get }
  /// 0, or false.
  static var zero: Self { get }
  /// Whether the first comes before the second.
  static func isLess(_ left: Self, _ right: Self) -> Bool
  /// 1, or true.
  static var one: Self { get }
  /// Sums, differences and products wrap around in integers: no number of a user's traps.
  static func adding(_ left: Self, _ right: Self) -> Self
  /// The difference; integers wrap.
  static func subtracting(_ left: Self, _ right: Self) -> Self
  /// The product; integers wrap.
  static func multiplying(_ left: Self, _ right: Self) -> Self
}

/// Float or Double.
public protocol FloatElement: Element, BinaryFloatingPoint, SIMDScalar, Codable {}

extension Float: FloatElement {
  public static var dtype: DType { .float32 }
  @inlinable public init(converting value: Double) { self.init(value) }
}

extension Double: FloatElement {
  public static var dtype: DType { .float64 }
  @inlinable public init(converting value: Double) { self = value }
}

extension FloatElement {
  @inlinable public static func isLess(_ left: Self, _ right: Self) -> Bool { left < right }
  @inlinable public init(converting value: Int64) { self.init(value) }
  @inlinable public var asDouble: Double { Double(self) }
  @inlinable public var asInt64: Int64 { Int64(converting: Double(self)) }
  @inlinable public static var one: Self { 1 }
  @inlinable public static func adding(_ left: Self, _ right: Self) -> Self { left + right }
  @inlinable public static func subtracting(_ left: Self, _ right: Self) -> Self { left - right }
  @inlinable public static func multiplying(_ left: Self, _ right: Self) -> Self { left * right }
}

extension Element where Self: FixedWidthInteger {
  @inlinable public static func isLess(_ left: Self, _ right: Self) -> Bool { left < right }
  @inlinable public init(converting value: Double) {
    if value.isNaN {
      self = 0
    } else if value <= Double(Self.min) {
      self = .min
    } else if value >= Double(Self.max) {
      self = .max
    } else {
      self.init(value)
    }
  }
  @inlinable public init(converting value: Int64) { self.init(clamping: value) }
  @inlinable public var asDouble: Double { Double(self) }
  @inlinable public var asInt64: Int64 { Int64(self) }
  @inlinable public static var one: Self { 1 }
  @inlinable public static func adding(_ left: Self, _ right: Self) -> Self { left &+ right }
  @inlinable public static func subtracting(_ left: Self, _ right: Self) -> Self { left &- right }
  @inlinable public static func multiplying(_ left: Self, _ right: Self) -> Self { left &* right }
}

extension Int64: Element { public static var dtype: DType { .int64 } }
extension Int32: Element { public static var dtype: DType { .int32 } }
extension UInt8: Element { public static var dtype: DType { .uint8 } }

extension Bool: Element {
  public static var dtype: DType { .bool }
  public init(converting value: Double) { self = value != 0 }
  public init(converting value: Int64) { self = value != 0 }
  public var asDouble: Double { self ? 1 : 0 }
  public var asInt64: Int64 { self ? 1 : 0 }
  public static var zero: Bool { false }
  public static var one: Bool { true }
  public static func adding(_ left: Bool, _ right: Bool) -> Bool { left || right }
  public static func subtracting(_ left: Bool, _ right: Bool) -> Bool { left != right }
  public static func multiplying(_ left: Bool, _ right: Bool) -> Bool { left && right }
  public static func isLess(_ left: Bool, _ right: Bool) -> Bool { !left && right }
}

/// Something to do for whichever element type a tensor has.
protocol TypedAction {
  associatedtype Result
  func run<T: Element>(_ type: T.Type) throws -> Result
}

extension DType {
  func perform<Action: TypedAction>(_ action: Action) throws -> Action.Result {
    switch self {
    case .bool: try action.run(Bool.self)
    case .uint8: try action.run(UInt8.self)
    case .int32: try action.run(Int32.self)
    case .int64: try action.run(Int64.self)
    case .float32: try action.run(Float.self)
    case .float64: try action.run(Double.self)
    }
  }
}
