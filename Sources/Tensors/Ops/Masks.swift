// Elements by a tensor of truth values or of positions: `x[x > 0]`, `x[labels]`.

extension Tensor {
  /// Of a bool tensor, whose shape is that of the first axes, the elements where it is true, `[count, …]`. Of integers the slices of
  /// the first axis that they name, `[their shape…, …]`; negative ones count from the end. The derivative is added at the places
  /// that were taken. Writing, `x[mask] = y` with a y that broadcasts to what would be read, is not recorded.
  public final subscript(_ taken: Tensor) -> Tensor {
    get {
      attempt(taken, as: taken.dtype == .bool ? nil : Shape(taken.shape.extents + shape.extents.dropFirst())) {
        let (rows, places, result) = try slices(named: taken)
        return rows.selected(places).reshaped(result)
      }
    }
    set {
      change(by: newValue) {
        try taken.check()
        try requireWritable("subscript")
        let (rows, places, result) = try detached().slices(named: taken)
        let source = newValue.detached().to(dtype).expanded(to: result).packed()
        try source.check()
        let changed = rows.copy()
        let slices = Slices(rows.shape, 0, places)
        let bytes = slices.inner * dtype.byteCount
        let (from, to) = (try source.pointer(UInt8.self), try changed.pointer(UInt8.self))
        slices.each { to.advanced(by: $0 * bytes).update(from: from + $1 * bytes, count: bytes) }
        try write(changed.reshaped(shape))
      }
    }
  }

  /// This tensor in rows, those of them that `taken` names, and the shape in which they are handed out.
  private final func slices(named taken: Tensor) throws -> (rows: Tensor, places: [Int], result: Shape) {
    guard rank > 0 || taken.dtype == .bool, !taken.dtype.isFloat else {
      throw TensorError("subscript", "\(taken.dtype) \(taken.shape) for shape \(shape)")
    }
    if taken.dtype == .bool {
      let rest = shape.extents.dropFirst(taken.rank)
      guard taken.rank <= rank, taken.shape.extents == Array(shape.prefix(taken.rank)) else {
        throw TensorError("subscript", "a mask of shape \(taken.shape) for shape \(shape)")
      }
      let flags = try taken.values(as: Bool.self)
      let places = flags.indices.filter { flags[$0] }
      return (reshaped(Shape([flags.count] + rest)), places, Shape([places.count] + rest))
    }
    let places = try taken.values(as: Int64.self).map { $0 < 0 ? Int($0) &+ shape[0] : Int($0) }
    if let bad = places.first(where: { !(0..<shape[0]).contains($0) }) {
      throw TensorError("subscript", "index \(bad) is outside of axis 0 of shape \(shape)")
    }
    return (self, places, Shape(taken.shape.extents + shape.extents.dropFirst()))
  }

  /// This tensor with `value` where `mask`, a bool tensor that broadcasts with it, is true: PyTorch's `masked_fill`. The derivative is
  /// 0 there, whatever arrives.
  public final func maskedFill(_ mask: Tensor, _ value: Double) -> Tensor {
    attempt(mask, as: shape.stretched(with: mask.shape)) {
      guard mask.dtype == .bool else {
        throw TensorError("maskedFill", "a mask is bool, not \(mask.dtype) \(mask.shape)")
      }
      let filled = Tensor.full([], value, dtype).chosen(where: mask, else: detached())
      let outline = outline
      return filled.recorded(
        [self], needing: mask, as: TracedOperation("Masked", ["value": .float(value)]), with: [mask]
      ) { [outline.unbroadcast($0.maskedFill(mask, 0))] }
    }
  }

  /// The positions of all elements that are not 0, `[count, rank]`, in row-major order; int64.
  public final func nonzero() -> Tensor {
    attempt(as: [0, rank], .int64) {
      let flags = try (detached() .!= .zeros([], dtype)).values(as: Bool.self)
      let (steps, extents) = (shape.rowMajorStrides, shape.extents)
      let places = flags.indices.filter { flags[$0] }
      let positions = places.flatMap { place in
        extents.indices.map { Int64(place / steps[$0] % Swift.max(extents[$0], 1)) }
      }
      return Tensor(positions, shape: [places.count, rank])
    }
  }
}
