/// What the numbers of an array are as they lie in a file. A model gets them as float32, the nearest there is.
public enum ArrayElement: String, Sendable, CaseIterable {
  /// Signed integers.
  case int8, int16, int32, int64
  /// Unsigned integers.
  case uint8, uint16, uint32, uint64
  /// Floating-point numbers; bfloat16 lies in HDF5 as uint16 with the attribute `dtype`.
  case float16, bfloat16, float32, float64

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

  /// The first number that is not finite as float32, and what it is then.
  func firstNotFinite(_ bytes: UnsafeRawPointer, _ count: Int) -> (index: Int, value: Float)? {
    if isInteger { return nil }
    let block = 4096
    return withUnsafeTemporaryAllocation(of: Float.self, capacity: block) { numbers in
      guard let target = numbers.baseAddress else { return nil }
      for start in stride(from: 0, to: count, by: block) {
        let part = min(block, count - start)
        decode(bytes + start * byteCount, part, into: target)
        var found: UInt32 = 0
        for index in 0..<part { found |= target[index].bitPattern & 0x7F80_0000 == 0x7F80_0000 ? 1 : 0 }
        guard found != 0, let place = (0..<part).first(where: { !target[$0].isFinite }) else { continue }
        return (start + place, target[place])
      }
      return nil
    }
  }

  /// All numbers, of integers; those beyond Int64 become the nearest. Nothing of floating-point numbers.
  func integers(_ bytes: UnsafeRawBufferPointer) -> [Int64] {
    func all<Number: FixedWidthInteger & BitwiseCopyable>(_ type: Number.Type) -> [Int64] {
      bytes.bindMemory(to: type).map { Int64(clamping: $0) }
    }
    switch self {
    case .int8: return all(Int8.self)
    case .int16: return all(Int16.self)
    case .int32: return all(Int32.self)
    case .int64: return all(Int64.self)
    case .uint8: return all(UInt8.self)
    case .uint16: return all(UInt16.self)
    case .uint32: return all(UInt32.self)
    case .uint64: return all(UInt64.self)
    case .float16, .bfloat16, .float32, .float64: return []
    }
  }
}
