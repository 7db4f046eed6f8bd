import CDNNL

/// What moves or changes single elements. A compiled kernel has its work shared out among threads already, so their number
/// is part of its key.
extension OneDNN {
  private struct ActivationKey: Hashable, Sendable {
    let activation: Activation
    let count: Int
    let threads: Int?
  }
  private static let activations = PrimitiveCache<ActivationKey, Primitive>()

  public func apply(_ activation: Activation, _ input: ConstantFloats, into result: Floats, count: Int) throws {
    if count == 0 { return }
    let key = ActivationKey(activation: activation, count: count, threads: options.threads)
    let primitive = try Self.activations.value(for: key) {
      let engine = try Engine.shared.get()
      let layout = try MemoryDescriptor([count], strides: [1])
      let primitive = try Primitive(
        lockstep_elementwise(activation.algorithm, &layout.desc, engine.handle), "\(activation)")
      try primitive.argument(DNNL_ARG_SRC, layout)
      try primitive.argument(DNNL_ARG_DST, layout)
      return primitive
    }
    try primitive.run(UnsafeMutableRawPointer(mutating: input), result)
    // oneDNN's exponential takes NaN for a number, which would hide that a training has diverged.
    if activation == .exp { for i in 0..<count { result[i] = input[i].isNaN ? input[i] : result[i] } }
  }

  private struct TranspositionKey: Hashable, Sendable {
    let rows, columns: Int
    let threads: Int?
  }
  private static let transpositions = PrimitiveCache<TranspositionKey, Primitive>()

  public func transpose(rows: Int, columns: Int, _ matrix: ConstantFloats, into result: Floats) throws {
    if rows == 0 || columns == 0 { return }
    let key = TranspositionKey(rows: rows, columns: columns, threads: options.threads)
    let primitive = try Self.transpositions.value(for: key) {
      let engine = try Engine.shared.get()
      let (source, target) = (
        try MemoryDescriptor([rows, columns], strides: [columns, 1]),
        try MemoryDescriptor([rows, columns], strides: [1, rows])
      )
      let primitive = try Primitive(
        lockstep_copy(&source.desc, &target.desc, engine.handle), "transposition of \(rows)×\(columns)")
      try primitive.argument(DNNL_ARG_FROM, source)
      try primitive.argument(DNNL_ARG_TO, target)
      return primitive
    }
    try primitive.run(UnsafeMutableRawPointer(mutating: matrix), result)
  }
}

extension Activation {
  fileprivate var algorithm: dnnl_alg_kind_t {
    switch self {
    case .sigmoid: dnnl_eltwise_logistic
    case .tanh: dnnl_eltwise_tanh
    case .exp: dnnl_eltwise_exp
    }
  }
}
