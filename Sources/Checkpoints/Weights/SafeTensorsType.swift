import Tensors

/// What an element of a safetensors file is, by its name there.
enum SafeTensorsType: String {
  case bool = "BOOL"
  case uint8 = "U8"
  case int8 = "I8"
  case uint16 = "U16"
  case int16 = "I16"
  case float16 = "F16"
  case bfloat16 = "BF16"
  case uint32 = "U32"
  case int32 = "I32"
  case float32 = "F32"
  case uint64 = "U64"
  case int64 = "I64"
  case float64 = "F64"

  var byteCount: Int {
    switch self {
    case .bool, .uint8, .int8: 1
    case .uint16, .int16, .float16, .bfloat16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    }
  }

  /// How a tensor of that type is written.
  init(_ type: DType) {
    switch type {
    case .bool: self = .bool
    case .uint8: self = .uint8
    case .int32: self = .int32
    case .int64: self = .int64
    case .float32: self = .float32
    case .float64: self = .float64
    }
  }

  /// A tensor of these bytes, which are as many as the shape and type say. Halves become float32, which has all of their
  /// values, and the integers that no tensor has int64.
  func tensor(_ bytes: [UInt8], _ shape: Shape) -> Tensor {
    func elements<Stored: BitwiseCopyable, Value: Element>(_ value: (Stored) -> Value) -> Tensor {
      let stride = MemoryLayout<Stored>.stride
      let values = bytes.withUnsafeBytes { raw in
        (0..<raw.count / stride).map { value(raw.loadUnaligned(fromByteOffset: $0 * stride, as: Stored.self)) }
      }
      return Tensor(values, shape: shape)
    }
    return switch self {
    case .bool: elements { (stored: UInt8) in stored != 0 }
    case .uint8: Tensor(bytes, shape: shape)
    case .int8: elements { Int64(Int8(bitPattern: $0)) }
    case .uint16: elements { Int64(UInt16(littleEndian: $0)) }
    case .int16: elements { Int64(Int16(littleEndian: $0)) }
    case .float16: elements { Float(Float16(bitPattern: UInt16(littleEndian: $0))) }
    case .bfloat16: elements { Float(bitPattern: UInt32(UInt16(littleEndian: $0)) << 16) }
    case .uint32: elements { Int64(UInt32(littleEndian: $0)) }
    case .int32: elements { Int32(littleEndian: $0) }
    case .float32: elements { Float(bitPattern: UInt32(littleEndian: $0)) }
    case .uint64: elements { Int64(clamping: UInt64(littleEndian: $0)) }
    case .int64: elements { Int64(littleEndian: $0) }
    case .float64: elements { Double(bitPattern: UInt64(littleEndian: $0)) }
    }
  }
}
