import HDF5Files

/// What the numbers of an array are as they lie in a file. A model gets them as float32, the nearest there is.
public enum ArrayElement: String, Sendable, CaseIterable {
  /// Signed integers.
  case int8, int16, int32, int64
  /// Unsigned integers.
  case uint8, uint16, uint32, uint64
  /// Floating-point numbers; bfloat16 lies in HDF5 as uint16 with the attribute `dtype`.
  case float16, bfloat16, float32, float64

  /// Nil for what is no number. `dtype` is the dataset's attribute of this name.
  public init?(_ type: HDF5ElementType, dtype: String? = nil) {
    switch type {
    case .uint16 where dtype == ArrayElement.bfloat16.rawValue: self = .bfloat16
    case _ where type.isNumber: self.init(rawValue: type.description)
    default: return nil
    }
  }

  /// Of one number.
  public var byteCount: Int {
    switch self {
    case .int8, .uint8: 1
    case .int16, .uint16, .float16, .bfloat16: 2
    case .int32, .uint32, .float32: 4
    case .int64, .uint64, .float64: 8
    }
  }

  /// Whether there is nothing behind the point.
  public var isInteger: Bool {
    switch self {
    case .float16, .bfloat16, .float32, .float64: false
    default: true
    }
  }

  /// As HDF5 and memory hold it.
  var stored: any HDF5Element.Type {
    switch self {
    case .int8: Int8.self
    case .int16: Int16.self
    case .int32: Int32.self
    case .int64: Int64.self
    case .uint8: UInt8.self
    case .uint16, .bfloat16: UInt16.self
    case .uint32: UInt32.self
    case .uint64: UInt64.self
    case .float16: Float16.self
    case .float32: Float.self
    case .float64: Double.self
    }
  }

  /// Turns `count` numbers into float32. What lies beyond float32 becomes infinite.
  func decode(_ bytes: UnsafeRawPointer, _ count: Int, into target: UnsafeMutablePointer<Float>) {
    switch self {
    case .int8: map(bytes, count, target) { (number: Int8) in Float(number) }
    case .int16: map(bytes, count, target) { (number: Int16) in Float(number) }
    case .int32: map(bytes, count, target) { (number: Int32) in Float(number) }
    case .int64: map(bytes, count, target) { (number: Int64) in Float(number) }
    case .uint8: map(bytes, count, target) { (number: UInt8) in Float(number) }
    case .uint16: map(bytes, count, target) { (number: UInt16) in Float(number) }
    case .uint32: map(bytes, count, target) { (number: UInt32) in Float(number) }
    case .uint64: map(bytes, count, target) { (number: UInt64) in Float(number) }
    case .float16: map(bytes, count, target, Self.half)
    case .bfloat16: map(bytes, count, target) { (bits: UInt16) in Float(bitPattern: UInt32(bits) << 16) }
    case .float32: target.update(from: bytes.assumingMemoryBound(to: Float.self), count: count)
    case .float64: map(bytes, count, target) { (number: Double) in Float(number) }
    }
  }

  @inline(__always)
  private func map<Number: BitwiseCopyable>(
    _ bytes: UnsafeRawPointer, _ count: Int, _ target: UnsafeMutablePointer<Float>, _ convert: (Number) -> Float
  ) {
    let numbers = bytes.assumingMemoryBound(to: Number.self)
    for index in 0..<count { target[index] = convert(numbers[index]) }
  }

  /// A product moves the exponent to where float32 has it, subnormal numbers included: a few instructions that the compiler
  /// makes vectors of, where the baseline processor has none for half precision.
  @inline(__always)
  private static func half(_ bits: UInt16) -> Float {
    let size = Float(bitPattern: UInt32(bits & 0x7FFF) << 13) * 0x1p112
    // Infinities and what is no number would become ordinary ones.
    let wide = size.bitPattern | (bits & 0x7C00 == 0x7C00 ? 0x7F80_0000 : 0)
    return Float(bitPattern: wide | UInt32(bits & 0x8000) << 16)
  }
}
