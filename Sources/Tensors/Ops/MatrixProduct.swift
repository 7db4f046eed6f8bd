import Kernels

extension Tensor {
  /// The matrix product over the last two axes, with broadcast leading axes; vectors count as a row on the left and a
  /// column on the right, and their axis goes away. Derivatives: `g · bᵀ` and `aᵀ · g`.
  public final func matmul(_ other: Tensor) -> Tensor {
    attempt(other, as: shape.multiplied(with: other.shape)) { try checkedProduct(other) }
  }

  private final func checkedProduct(_ other: Tensor) throws -> Tensor {
    guard rank > 0, other.rank > 0 else { throw TensorError("matmul", "a scalar is no matrix") }
    if rank == 1 { return unsqueezed(0).matmul(other).squeezed(other.rank == 1 ? 0 : -2) }
    if other.rank == 1 { return matmul(other.unsqueezed(1)).squeezed(-1) }
    guard shape[rank - 1] == other.shape[other.rank - 2] else {
      throw TensorError(
        "matmul",
        "shapes \(shape) and \(other.shape): \(shape[rank - 1]) columns meet \(other.shape[other.rank - 2]) rows")
    }
    let dtype = Swift.max(self.dtype, other.dtype)
    let (left, right) = (to(dtype), other.to(dtype))
    let kernels = KernelOptions.current.kernels
    let result = try left.product(right, kernels)
    let needed = (right.tracksGradient ? left : nil, left.tracksGradient ? right : nil)
    let (first, second) = (left.outline, right.outline)
    return result.recorded(
      [left, right], needing: needed.0, needed.1, function: "matmul", as: TracedOperation("MatMul")
    ) { gradient in
      [
        try needed.1.flatMap { first.unbroadcast(try gradient.product($0.transposed(), kernels)) },
        try needed.0.flatMap { second.unbroadcast(try $0.transposed().product(gradient, kernels)) },
      ]
    }
  }

  /// The product of two tensors of one type and at least two axes. Not recorded.
  final func product(_ other: Tensor, _ kernels: any Backend) throws -> Tensor {
    try rank == 2 && other.rank == 2 ? multiplied(other, kernels) : multipliedInBatches(other, kernels)
  }

  /// `Σ aᵢ bᵢ` of two vectors of one length.
  public final func dot(_ other: Tensor) -> Tensor {
    attempt(other, as: []) {
      guard rank == 1, shape == other.shape else {
        throw TensorError("dot", "needs two vectors of one length, not shapes \(shape) and \(other.shape)")
      }
      return (self * other).sum()
    }
  }

  /// `x · weightᵀ + bias`: `[…, in]`, `[out, in]` and `[out]` to `[…, out]`.
  /// Derivatives: `g · weight`, `gᵀ · x` and the sum of g over the batch.
  public final func linear(_ weight: Tensor, _ bias: Tensor?) -> Tensor {
    attempt(weight, bias, as: shape.replacing(-1, by: weight.shape.first ?? 1)) { try affine(weight, bias) }
  }

  private final func affine(_ weight: Tensor, _ bias: Tensor?) throws -> Tensor {
    guard rank > 0, weight.rank == 2, shape[rank - 1] == weight.shape[1] else {
      throw TensorError("linear", "input of shape \(shape) does not fit weights of shape \(weight.shape)")
    }
    if rank != 2 {
      let lead = Array(shape.extents.dropLast())
      let rows = reshaped([lead.reduce(1, *), shape[rank - 1]])
      return rows.linear(weight, bias).reshaped(Shape(lead + [weight.shape[0]]))
    }
    guard bias.map({ $0.shape == [weight.shape[0]] }) ?? true else {
      throw TensorError("linear", "bias of shape \(bias?.shape ?? []) for weights of shape \(weight.shape)")
    }
    guard dtype == weight.dtype, dtype == bias?.dtype ?? dtype, dtype.isFloat else {
      throw TensorError("linear", "input is \(dtype), weights are \(weight.dtype)")
    }
    let kernels = KernelOptions.current.kernels
    if dtype == .float32 && kernels.precision == .bf16 && kernels.halves == nil {
      // oneDNN's products have no half precision; a dense layer is a convolution of one pixel, which has.
      let (images, kernels) = (unsqueezed(-1).unsqueezed(-1), weight.unsqueezed(-1).unsqueezed(-1))
      return images.convolved(kernels, bias: bias).flattened()
    }
    let result = try Tensor(uninitialized: [shape[0], weight.shape[0]], dtype)
    if let bias {
      // Views without a record: a small layer is all overhead.
      let rows = bias.view(result.shape, strides: [0, bias.strides[0]], offset: bias.offset)
      try dtype.perform(CopyElements(source: rows, target: result))
    }
    try result.addProduct(self, weight.turned, keeping: bias != nil, kernels)
    let needed = (weight.tracksGradient ? self : nil, self.tracksGradient ? weight : nil)
    let (outline, hasBias) = (weight.outline, bias?.tracksGradient ?? false)
    return result.recorded(
      [self, weight] + (bias.map { [$0] } ?? []), needing: needed.0, needed.1, function: "linear",
      as: TracedOperation("Gemm", ["transB": 1])
    ) { gradient in
      [
        try needed.1.map { try gradient.multiplied($0, kernels) },
        try needed.0.map { try Tensor.products([(gradient.turned, $0)], outline.shape, kernels) },
        hasBias ? gradient.sum(0) : nil,
      ]
    }
  }

  /// A matrix's transpose as a view. Not recorded.
  final var turned: Tensor {
    view([shape[1], shape[0]], strides: [strides[1], strides[0]], offset: offset)
  }

  /// The product of two matrices of one type. Not recorded.
  private final func multiplied(_ other: Tensor, _ kernels: any Backend) throws -> Tensor {
    let result = try Tensor(uninitialized: [shape[0], other.shape[1]], dtype)
    try result.addProduct(self, other, keeping: false, kernels)
    return result
  }

  /// `self = left · right + (keeping ? self : 0)`, for a row-major `self`.
  private final func addProduct(
    _ left: Tensor, _ right: Tensor, keeping: Bool, _ kernels: any Backend
  ) throws {
    let (left, right) = (left.withUnitStride(), right.withUnitStride())
    let (rows, columns, inner) = (shape[0], shape[1], left.shape[1])
    if dtype == .float32 {
      try kernels.multiply(
        rows: rows, columns: columns, inner: inner, left.operand(), right.operand(), into: pointer(),
        accumulating: keeping)
    } else {
      try dtype.perform(NaiveProduct(left: left, right: right, result: self, keeping: keeping))
    }
  }

  private final func multipliedInBatches(_ other: Tensor, _ kernels: any Backend) throws -> Tensor {
    let lead = try Shape(Array(shape.extents.dropLast(2))).broadcast(
      with: Shape(Array(other.shape.extents.dropLast(2))), for: "matmul")
    let (left, right) = (
      detached().expanded(to: Shape(lead.extents + shape.extents.suffix(2))),
      other.detached().expanded(to: Shape(lead.extents + other.shape.extents.suffix(2)))
    )
    let matrix: Shape = [shape[rank - 2], other.shape[other.rank - 1]]
    let result = try Tensor(uninitialized: Shape(lead.extents + matrix.extents), dtype)
    let loop = StridedLoop(
      extents: lead.extents, strides: [left, right, result].map { Array($0.strides.dropLast(2)) })
    let (leftTail, rightTail) = (Array(left.strides.suffix(2)), Array(right.strides.suffix(2)))
    var batches = loop.rows()
    while batches.next() {
      for index in 0..<loop.innerCount {
        let offsets = batches.offsets.indices.map { batches.offsets[$0] + index * loop.innerStride($0) }
        let target = result.view(matrix, strides: [matrix[1], 1], offset: result.offset + offsets[2])
        try target.addProduct(
          left.view(Shape(Array(left.shape.suffix(2))), strides: leftTail, offset: left.offset + offsets[0]),
          right.view(Shape(Array(right.shape.suffix(2))), strides: rightTail, offset: right.offset + offsets[1]),
          keeping: false, kernels)
      }
    }
    return result
  }

  /// This matrix, copied if neither its rows nor its columns are without gaps.
  final func withUnitStride() -> Tensor {
    let isRows = (strides[1] == 1 || shape[1] == 1) && strides[0] >= Swift.max(shape[1], 1)
    let isColumns = (strides[0] == 1 || shape[0] == 1) && strides[1] >= Swift.max(shape[0], 1)
    return isRows || isColumns ? self : packed()
  }

  final func operand() throws -> MatrixOperand {
    let isRows = (strides[1] == 1 || shape[1] == 1) && strides[0] >= Swift.max(shape[1], 1)
    return .init(
      try pointer(), isTransposed: !isRows, rowStride: Swift.max(isRows ? strides[0] : strides[1], 1),
      packed: storage.packed)
  }
}

private struct NaiveProduct: TypedAction {
  let left, right, result: Tensor
  let keeping: Bool

  func run<T: Element>(_ type: T.Type) throws {
    let (a, b, target) = (try left.pointer(T.self), try right.pointer(T.self), try result.pointer(T.self))
    for row in 0..<result.shape[0] {
      for column in 0..<result.shape[1] {
        var sum = keeping ? target[row * result.shape[1] + column] : T.zero
        for k in 0..<left.shape[1] {
          sum = T.adding(
            sum,
            T.multiplying(
              a[row * left.strides[0] + k * left.strides[1]], b[k * right.strides[0] + column * right.strides[1]]))
        }
        target[row * result.shape[1] + column] = sum
      }
    }
  }
}
