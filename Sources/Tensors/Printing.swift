extension Tensor: CustomStringConvertible {
  /// As NumPy prints it; long axes are cut to their first and last three entries.
  public var description: String {
    guard let values = try? values(as: Double.self) else { return "tensor \(shape) \(dtype)" }
    var position = 0
    return format(axis: 0, values, &position)
  }

  private func format(axis: Int, _ values: [Double], _ position: inout Int) -> String {
    if axis == rank {
      defer { position += 1 }
      return format(values[position])
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
    return "[" + parts.joined(separator: axis == rank - 1 ? ", " : ",\n" + String(repeating: " ", count: axis + 1)) + "]"
  }

  private func format(_ value: Double) -> String {
    switch dtype {
    case .bool: value == 0 ? "false" : "true"
    case .float32: "\(Float(value))"
    case .float64: "\(value)"
    default: "\(Int64(value))"
    }
  }
}
