import CHDF5

/// What one element of a dataset is.
public enum HDF5ElementType: Sendable, Equatable, CustomStringConvertible {
  /// Signed integers.
  case int8, int16, int32, int64
  /// Unsigned integers.
  case uint8, uint16, uint32, uint64
  /// Floats.
  case float16, float32, float64
  /// Text, of fixed or variable length.
  case string
  /// Lists of bytes, each of a length of its own, such as whole files.
  case byteLists
  /// A kind that Lockstep does not read: compound, enumeration, reference…
  case other(String)

  public var description: String {
    switch self {
    case .int8: "int8"
    case .int16: "int16"
    case .int32: "int32"
    case .int64: "int64"
    case .uint8: "uint8"
    case .uint16: "uint16"
    case .uint32: "uint32"
    case .uint64: "uint64"
    case .float16: "float16"
    case .float32: "float32"
    case .float64: "float64"
    case .string: "text"
    case .byteLists: "lists of bytes"
    case .other(let name): name
    }
  }

  /// Bytes of a number; nil for what is none.
  public var byteCount: Int? {
    switch self {
    case .int8, .uint8: 1
    case .int16, .uint16, .float16: 2
    case .int32, .uint32, .float32: 4
    case .int64, .uint64, .float64: 8
    case .string, .byteLists, .other: nil
    }
  }

  /// The number of that name; nil for what is none.
  public init?(name: String) {
    let numbers: [HDF5ElementType] = [
      .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64, .float16, .float32, .float64,
    ]
    guard let number = numbers.first(where: { $0.description == name }) else { return nil }
    self = number
  }

  /// Signed or unsigned.
  public var isInteger: Bool {
    switch self {
    case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64: true
    default: false
    }
  }

  /// Integers and floats; not text.
  public var isNumber: Bool { isInteger || isFloat }

  /// Floating-point numbers.
  public var isFloat: Bool { self == .float16 || self == .float32 || self == .float64 }

  /// The type that libhdf5 knows as `type`. Call with the lock held.
  init(of type: hid_t) {
    let bytes = H5Tget_size(type)
    switch H5Tget_class(type) {
    case H5T_INTEGER:
      let isSigned = H5Tget_sign(type) == H5T_SGN_2
      switch bytes {
      case 1: self = isSigned ? .int8 : .uint8
      case 2: self = isSigned ? .int16 : .uint16
      case 4: self = isSigned ? .int32 : .uint32
      case 8: self = isSigned ? .int64 : .uint64
      default: self = .other("integers of \(bytes) bytes")
      }
    case H5T_FLOAT:
      switch bytes {
      case 2 where h5_is_half(type) != 0: self = .float16
      case 4: self = .float32
      case 8: self = .float64
      default: self = .other("floating-point numbers of \(bytes) bytes")
      }
    case H5T_STRING: self = .string
    case H5T_COMPOUND: self = .other("compound records")
    case H5T_ENUM: self = .other("an enumeration")
    case H5T_REFERENCE: self = .other("references")
    case H5T_VLEN where h5_is_byte_list(type) != 0: self = .byteLists
    case H5T_VLEN: self = .other("lists of varying length")
    default: self = .other("a type that Lockstep does not read")
    }
  }

  /// The in-memory type with this number's size and sign; negative for what is no number. Call with the lock held.
  var nativeNumber: hid_t {
    switch self {
    case .int8: h5_native_integer(1, 1)
    case .int16: h5_native_integer(2, 1)
    case .int32: h5_native_integer(4, 1)
    case .int64: h5_native_integer(8, 1)
    case .uint8: h5_native_integer(1, 0)
    case .uint16: h5_native_integer(2, 0)
    case .uint32: h5_native_integer(4, 0)
    case .uint64: h5_native_integer(8, 0)
    case .float16: h5_native_float(2)
    case .float32: h5_native_float(4)
    case .float64: h5_native_float(8)
    case .string, .byteLists, .other: -1
    }
  }
}

/// A Swift number that a dataset can hold.
public protocol HDF5Element: BitwiseCopyable, Sendable {
  /// How HDF5 stores it.
  static var hdf5ElementType: HDF5ElementType { get }
}

extension Int8: HDF5Element { public static var hdf5ElementType: HDF5ElementType { .int8 } }
extension Int16: HDF5Element { public static var hdf5ElementType: HDF5ElementType { .int16 } }
extension Int32: HDF5Element { public static var hdf5ElementType: HDF5ElementType { .int32 } }
extension Int64: HDF5Element { public static var hdf5ElementType: HDF5ElementType { .int64 } }
extension UInt8: HDF5Element { public static var hdf5ElementType: HDF5ElementType { .uint8 } }
extension UInt16: HDF5Element { public static var hdf5ElementType: HDF5ElementType { .uint16 } }
extension UInt32: HDF5Element { public static var hdf5ElementType: HDF5ElementType { .uint32 } }
extension UInt64: HDF5Element { public static var hdf5ElementType: HDF5ElementType { .uint64 } }
extension Float16: HDF5Element { public static var hdf5ElementType: HDF5ElementType { .float16 } }
extension Float: HDF5Element { public static var hdf5ElementType: HDF5ElementType { .float32 } }
extension Double: HDF5Element { public static var hdf5ElementType: HDF5ElementType { .float64 } }
