import HDF5Files

/// How arrays lie in HDF5.
extension ArrayElement {
  /// Nil for what is no number. `dtype` is the dataset's attribute of this name.
  public init?(_ type: HDF5ElementType, dtype: String? = nil) {
    switch type {
    case .uint16 where dtype == ArrayElement.bfloat16.rawValue: self = .bfloat16
    case _ where type.isNumber: self.init(rawValue: type.description)
    default: return nil
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
}
