extension Tensor {
  /// Each element 0 with the given probability, else divided by `1 - probability`, so that the expectation stays; the
  /// derivative goes through the same mask. Masks are drawn by sample, the first axis. Source: Srivastava et al. 2014.
  public final func droppedOut(_ probability: Double) -> Tensor {
    attempt(as: nil, floatType) {
      guard (0...1).contains(probability) else {
        throw TensorError("dropout", "probability \(probability) is not in 0…1")
      }
      if probability == 0 { return self }
      let source = to(floatType)
      let mask = try DropoutMask(source.shape, probability)
      let result = try mask.applied(to: source)
      return result.recorded([source], function: "droppedOut") { [try mask.applied(to: $0)] }
    }
  }
}

/// Which elements of a tensor stay, in row-major order: a byte of each is what backward keeps.
private struct DropoutMask {
  private let shape: Shape
  private let stays: Storage
  /// What those are multiplied with, in float32 for either type.
  private let scale: Float

  init(_ shape: Shape, _ probability: Double) throws {
    self.shape = shape
    scale = probability == 1 ? 0 : Float(1 / (1 - probability))
    stays = try Storage(byteCount: shape.elementCount)
    let rows = shape.first ?? 1
    let width = rows == 0 ? 0 : shape.elementCount / rows
    let draws = try Tensor(uninitialized: [width], .float32)
    let (drawn, limit, bytes) = (try draws.pointer(Float.self), Float(probability), try bytes)
    for (row, key) in try ForwardScope.keys(.dropout, rows: rows).enumerated() {
      key.fillUniform(drawn, count: width)
      let start = bytes + row * width
      for i in 0..<width { start[i] = drawn[i] < limit ? 0 : 1 }
    }
    withExtendedLifetime(draws) {}
  }

  private var bytes: UnsafeMutablePointer<UInt8> {
    get throws { try stays.memory.assumingMemoryBound(to: UInt8.self) }
  }

  func applied(to source: Tensor) throws -> Tensor {
    let source = source.packed()
    let result = try Tensor(uninitialized: shape, source.dtype)
    let bytes = try bytes
    if source.dtype == .float64 {
      let (from, to, scale) = (try source.pointer(Double.self), try result.pointer(Double.self), Double(scale))
      // A product with 0 as well: NaN stays NaN.
      for i in 0..<shape.elementCount { to[i] = from[i] * (bytes[i] == 0 ? 0 : scale) }
    } else {
      let (from, to, scale) = (try source.pointer(Float.self), try result.pointer(Float.self), scale)
      for i in 0..<shape.elementCount { to[i] = from[i] * (bytes[i] == 0 ? 0 : scale) }
    }
    return result
  }
}
