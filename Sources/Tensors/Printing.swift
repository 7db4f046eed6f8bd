extension Tensor: CustomStringConvertible {
  /// As NumPy prints it; long axes are cut to their first and last three entries, and nothing is `[]`. Of a tensor that
  /// carries a fault, the fault.
  public var description: String {
    if let fault { return "\(fault)" }
    if elementCount == 0 { return "[]" }
    guard let texts = try? texts() else { return "tensor \(shape) \(dtype)" }
    var position = 0
    return format(axis: 0, texts, &position)
  }

  private func format(axis: Int, _ values: [String], _ position: inout Int) -> String {
    if axis == rank {
      defer { position += 1 }
      return values[position]
    }
    let stride = shape.extents[(axis + 1)...].reduce(1, *)
    var parts: [String] = []
    for index in 0..<shape[axis] {
      if shape[axis] > 8 && index == 3 { parts.append("…") }
      if shape[axis] > 8 && (3..<shape[axis] - 3).contains(index) {
        position += stride
      } else {
        parts.append(format(axis: axis + 1, values, &position))
      }
    }
    return "[" + parts.joined(separator: axis == rank - 1 ? ", " : ",\n" + String(repeating: " ", count: axis + 1))
      + "]"
  }

  /// The elements one by one, in row-major order.
  private func texts() throws -> [String] {
    switch dtype {
    case .bool: try values(as: Bool.self).map { "\($0)" }
    case .float32: try values(as: Float.self).map { "\($0)" }
    case .float64: try values(as: Double.self).map { "\($0)" }
    default: try values(as: Int64.self).map { "\($0)" }
    }
  }
}
