extension Tensor {
  /// The mean of each of `outputs` windows each way, window i from `⌊i n / outputs⌋` to `⌈(i + 1) n / outputs⌉`.
  public final func adaptivelyAveraged(_ outputs: [Int]) -> Tensor {
    attempt(as: adaptedShape(outputs)) {
      // The kernels of pooling add a window in one chain of float32, good for small ones.
      if let window = try evenWindow(outputs), window[0] <= 64 / window[1] { return averagePooled(window) }
      return adapted(2, outputs[0]) { $0.mean($1, keepingAxes: true) }
        .adapted(3, outputs[1]) { $0.mean($1, keepingAxes: true) }
    }
  }

  /// The maximum of each of such windows, NaN where one is in it; the derivative goes to the first of equal ones.
  public final func adaptiveMaxPooled(_ outputs: [Int]) -> Tensor {
    attempt(as: adaptedShape(outputs)) {
      if let window = try evenWindow(outputs) { return maxPooled(window) }
      // Along the rows first: of equal ones the first of the first row counts.
      return adapted(3, outputs[1]) { $0.max($1, keepingAxes: true) }
        .adapted(2, outputs[0]) { $0.max($1, keepingAxes: true) }
    }
  }

  private final func adaptedShape(_ outputs: [Int]) -> Shape? {
    rank == 4 && outputs.count == 2 ? Shape(Array(shape.prefix(2)) + outputs) : nil
  }

  /// The window where all are alike and none overlaps another.
  private final func evenWindow(_ outputs: [Int]) throws -> [Int]? {
    guard rank == 4, outputs.count == 2, outputs.min() ?? 0 > 0, outputs.max() ?? 0 <= 1 << 20 else {
      throw TensorError("adaptive pooling", "shape \(shape) to \(outputs)")
    }
    let extents = Array(shape.suffix(2))
    guard extents.min() ?? 0 > 0, zip(extents, outputs).allSatisfy({ $0 % $1 == 0 }) else { return nil }
    return zip(extents, outputs).map { $0 / $1 }
  }

  /// Adaptive windows along one axis. Each is reduced by itself, so that an infinity or NaN is in no mean but its windows'.
  private final func adapted(
    _ axis: Int, _ outputs: Int, _ reduce: (_ window: Tensor, _ axis: Int) -> Tensor
  ) -> Tensor {
    let inputs = shape[axis]
    let results = (0..<outputs).map { output in
      let end = ((output + 1) * inputs + outputs - 1) / outputs
      let window = TensorSelection.range(start: output * inputs / outputs, end: end, step: 1)
      return reduce(axis == 2 ? self[.all, .all, window] : self[.all, .all, .all, window], axis)
    }
    return .concatenate(results, axis: axis)
  }
}
