extension Tensor {
  /// The rows of a table `[tokens, width]` that integers of any shape name: `[…, width]`. The derivative is added to the
  /// rows that were used, and to no other. Source: PyTorch's `embedding`.
  public final func rows(_ positions: Tensor) -> Tensor {
    attempt(positions, as: Shape(positions.shape.extents + [shape.last ?? 1])) { try taken(positions) }
  }

  private final func taken(_ positions: Tensor) throws -> Tensor {
    guard rank == 2, dtype == .float32, !positions.dtype.isFloat else {
      throw TensorError("rows", "needs a float32 table and integers, not \(dtype) \(shape) and \(positions.dtype)")
    }
    let table = packed()
    let (count, width) = (shape[0], shape[1])
    let taken = try positions.tokens(below: count)
    let result = try Tensor(uninitialized: Shape(positions.shape.extents + [width]), .float32)
    let (source, target) = (try table.pointer(Float.self), try result.pointer(Float.self))
    for (row, token) in taken.enumerated() {
      (target + row * width).update(from: source + token * width, count: width)
    }
    return result.recorded(
      [self], function: "rows", as: TracedOperation("Gather", ["axis": 0]), with: [positions]
    ) { gradient in
      [try gradient.packed().reshaped([taken.count, width]).addedToRows(taken, of: count)]
    }
  }

  /// The elements as positions in a table of `count` rows, checked.
  final func tokens(below count: Int) throws -> [Int] {
    let tokens = try values(as: Int64.self)
    if let place = tokens.firstIndex(where: { $0 < 0 || $0 >= count }) {
      throw TensorError("rows", "token \(tokens[place]) at place \(place), but there are \(count)")
    }
    return tokens.map(Int.init)
  }

  /// A table of `count` rows, zeros but for the sums of the rows of this matrix `[places.count, width]`, each added to the
  /// row that its place names. Not recorded.
  final func addedToRows(_ places: [Int], of count: Int) throws -> Tensor {
    let table = Tensor.zeros([count, shape[1]])
    let width = shape[1]
    let (source, target) = (try pointer(Float.self), try table.pointer(Float.self))
    for (row, place) in places.enumerated() {
      let (from, to) = (source + row * width, target + place * width)
      for i in 0..<width { to[i] += from[i] }
    }
    return table
  }
}
