/// The element types that travel between ranks.
public enum MessageType: UInt8, Sendable {
  /// Swift's `Float`.
  case float32 = 1
  /// Swift's `Double`, `Int32`, `Int64`, `UInt8` and `UInt64`.
  case float64, int32, int64, uint8, uint64

  var byteCount: Int {
    switch self {
    case .uint8: 1
    case .float32, .int32: 4
    case .float64, .int64, .uint64: 8
    }
  }
}

/// A Swift type whose values travel between ranks: `Float`, `Double`, `Int32`, `Int64`, `UInt8`, `UInt64`.
public protocol MessageElement: Sendable, BitwiseCopyable {
  /// As which type MPI, and the comparison of checked mode, know it.
  static var messageType: MessageType { get }
  /// What MPI computes of two elements.
  static func reduced(_ left: Self, _ right: Self, _ operation: ReductionOperation) -> Self
}

extension MessageElement where Self: BinaryFloatingPoint {
  public static func reduced(_ left: Self, _ right: Self, _ operation: ReductionOperation) -> Self {
    switch operation {
    case .sum: left + right
    case .minimum: Swift.min(left, right)
    case .maximum: Swift.max(left, right)
    }
  }
}

extension MessageElement where Self: FixedWidthInteger {
  public static func reduced(_ left: Self, _ right: Self, _ operation: ReductionOperation) -> Self {
    switch operation {
    case .sum: left &+ right
    case .minimum: Swift.min(left, right)
    case .maximum: Swift.max(left, right)
    }
  }
}

extension Float: MessageElement { public static var messageType: MessageType { .float32 } }
extension Double: MessageElement { public static var messageType: MessageType { .float64 } }
extension Int32: MessageElement { public static var messageType: MessageType { .int32 } }
extension Int64: MessageElement { public static var messageType: MessageType { .int64 } }
extension UInt8: MessageElement { public static var messageType: MessageType { .uint8 } }
extension UInt64: MessageElement { public static var messageType: MessageType { .uint64 } }

/// How an allreduce combines the ranks' elements. Integer sums wrap around on overflow.
public enum ReductionOperation: UInt8, Sendable, CaseIterable {
  /// Floating-point numbers are added in an order that the number of ranks decides.
  case sum = 1
  /// The least or greatest of each place.
  case minimum, maximum
}
