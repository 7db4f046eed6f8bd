import CDNNL

/// Transcendental functions of float32 arrays, vectorised by oneDNN for the processor it finds.
public enum Activation: Int, Sendable, CaseIterable {
  case sigmoid, tanh, exp

  private var algorithm: dnnl_alg_kind_t {
    switch self {
    case .sigmoid: dnnl_eltwise_logistic
    case .tanh: dnnl_eltwise_tanh
    case .exp: dnnl_eltwise_exp
    }
  }

  private struct Key: Hashable, Sendable {
    let activation: Activation
    let count: Int
  }
  private static let cache = PrimitiveCache<Key, Primitive>()

  /// `result[i] = f(input[i])`, into another buffer.
  public func apply(_ input: UnsafePointer<Float>, into result: UnsafeMutablePointer<Float>, count: Int) throws {
    if count == 0 { return }
    let primitive = try Self.cache.value(for: Key(activation: self, count: count)) {
      let engine = try Engine.shared.get()
      let layout = try Layout([count], strides: [1])
      let primitive = try Primitive(lockstep_elementwise(algorithm, &layout.desc, engine.handle), "\(self)")
      try primitive.argument(DNNL_ARG_SRC, layout)
      try primitive.argument(DNNL_ARG_DST, layout)
      return primitive
    }
    try primitive.run(UnsafeMutableRawPointer(mutating: input), result)
    // oneDNN's exponential takes NaN for a number, which would hide that a training has diverged.
    if self == .exp { for i in 0..<count { result[i] = input[i].isNaN ? input[i] : result[i] } }
  }
}
