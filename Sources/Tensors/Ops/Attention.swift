import Kernels

extension Tensor {
  /// Scaled dot-product attention: each query's mean of the values by `softmax(query · keys · scale)` over the keys that it may
  /// see. `[batch, heads, queries, width]`, `[batch, heads, keys, width]` and `[batch, heads, keys, valueWidth]` to
  /// `[batch, heads, queries, valueWidth]`. One kernel, which never holds the weights of more than a block of queries to a
  /// block of keys: memory is linear in the steps. PyTorch's `scaled_dot_product_attention`. Source: Vaswani et al. 2017.
  ///
  /// With P the weights and D = g · valuesᵀ, the derivative of the scores is `S = P (D - Σ P D)`; those of queries, keys and values
  /// are `S · keys · scale`, `Sᵀ · queries · scale` and `Pᵀ · g`. The weights are computed once more for them.
  ///
  /// - Parameters:
  ///   - queries: who looks; float32.
  ///   - keys: what is compared with the queries; float32.
  ///   - values: what the means are of; float32.
  ///   - causal: a query sees the keys up to its own step. Queries are the last steps of the keys, so that new steps look at all
  ///     before them.
  ///   - lengths: how many keys count, from the first on; integers `[batch]`, or `[batch, queries]`. nil for all.
  ///   - mask: which keys a query may see, bool, or what is added to the scores, float32; broadcast to
  ///     `[batch, heads, queries, keys]`. It has no gradient.
  ///   - scale: of the scores; `1 / √width` unless given.
  ///   - dropout: the probability that a weight is left out of the mean, drawn by sample, the first axis.
  /// - Returns: the means, 0 for a query that may see no key.
  public static func attention(
    queries: Tensor, keys: Tensor, values: Tensor, causal: Bool = false, lengths: Tensor? = nil, mask: Tensor? = nil,
    scale: Double? = nil, dropout: Double = 0
  ) -> Tensor {
    let shape = Shape(Array(queries.shape.dropLast()) + [values.shape.last ?? 1])
    return queries.attempt(keys, values, as: shape, .float32) {
      let view = AttentionView(causal: causal, lengths: lengths, mask: mask, scale: scale, dropout: dropout)
      return try view.checked().attend(queries, keys, values)
    }
  }

  /// Attention among the steps of sequences, of queries, keys and values that lie side by side, as one product makes them:
  /// `[batch, steps, 3 · width]` to `[batch, steps, width]`, the width shared evenly among the heads. The derivative comes in one
  /// piece as well. Parameters as of `attention`.
  public final func selfAttention(
    heads: Int, causal: Bool = false, lengths: Tensor? = nil, mask: Tensor? = nil, scale: Double? = nil,
    dropout: Double = 0
  ) -> Tensor {
    attempt(as: shape.replacing(-1, by: (shape.last ?? 3) / 3), .float32) {
      guard rank == 3, heads > 0, shape[2] % 3 == 0, shape[2] / 3 % heads == 0, shape[2] > 0 else {
        throw TensorError(
          "attention", "\(heads) heads don't share evenly what is \(shape): it needs [batch, steps, 3 · width]")
      }
      let view = AttentionView(causal: causal, lengths: lengths, mask: mask, scale: scale, dropout: dropout)
      return try view.checked().attend(packed: self, heads)
    }
  }

  /// The weights that `attention` takes its means by, `[batch, heads, queries, keys]`: for pictures. Not recorded.
  public static func attentionWeights(
    queries: Tensor, keys: Tensor, causal: Bool = false, lengths: Tensor? = nil, mask: Tensor? = nil,
    scale: Double? = nil
  ) -> Tensor {
    let shape = queries.shape.replacing(-1, by: keys.rank > 1 ? keys.shape[keys.rank - 2] : 1)
    return queries.attempt(keys, as: shape, .float32) {
      let view = AttentionView(causal: causal, lengths: lengths, mask: mask, scale: scale, dropout: 0)
      return try withoutGradient { try view.checked().weights(queries, keys) }
    }
  }
}

/// Which keys queries see, and how.
private struct AttentionView {
  let causal: Bool
  let lengths, mask: Tensor?
  let scale: Double?
  let dropout: Double

  func checked() throws -> AttentionView {
    try lengths?.check()
    try mask?.check()
    guard (0...1).contains(dropout) else { throw TensorError("attention", "dropout \(dropout) is not in 0…1") }
    if let lengths, lengths.dtype.isFloat || lengths.dtype == .bool {
      throw TensorError("attention", "lengths \(lengths.shape) are \(lengths.dtype), not integers")
    }
    guard let mask else { return self }
    guard mask.dtype == .bool || mask.dtype == .float32, !mask.tracksGradient else {
      throw TensorError("attention", "a mask is bool or float32 and has no gradient, not \(mask.dtype) \(mask.shape)")
    }
    return self
  }

  func attend(_ queries: Tensor, _ keys: Tensor, _ values: Tensor) throws -> Tensor {
    let call = try AttentionCall(self, AttentionFactors(queries, keys, values))
    let output = try Tensor.ofHeads(call.shape.outputExtents)
    try call.forward(into: output)
    let kept = output.detached()
    return output.recorded(
      [queries, keys, values], needing: queries, keys, values, function: "attention",
      as: operation("Attention", call.shape), with: [lengths, mask].compactMap { $0 }
    ) { gradient in
      let shape = call.shape
      let derivatives = [
        try Tensor.ofHeads([shape.batch, shape.heads, shape.queries, shape.width]),
        try Tensor.ofHeads([shape.batch, shape.heads, shape.keys, shape.width]),
        try Tensor.ofHeads([shape.batch, shape.heads, shape.keys, shape.valueWidth]),
      ]
      try call.backward(gradient, kept, into: derivatives)
      return derivatives
    }
  }

  func attend(packed: Tensor, _ heads: Int) throws -> Tensor {
    let source = packed.detached().packed()
    let call = try AttentionCall(self, AttentionFactors(source.thirds(heads)))
    let result = try Tensor(uninitialized: packed.shape.replacing(-1, by: packed.shape[2] / 3), .float32)
    try call.forward(into: result.heads(heads))
    let kept = result.detached()
    return result.recorded(
      [packed], needing: source, function: "selfAttention", as: operation("SelfAttention", call.shape),
      with: [lengths, mask].compactMap { $0 }
    ) { gradient in
      let derivative = try Tensor(uninitialized: packed.shape, .float32)
      try call.backward(gradient.packed().heads(heads), kept.heads(heads), into: derivative.thirds(heads))
      return [derivative]
    }
  }

  func weights(_ queries: Tensor, _ keys: Tensor) throws -> Tensor {
    let (q, k) = (queries.detached(), keys.detached())
    let factors = try AttentionFactors(q, k, k)
    let shape = factors.shape(scale)
    var scores = q.matmul(k.transposed()) * Double(shape.scale)
    if let bias = try bias(shape) { scores = scores + bias }
    let limits = Tensor(try limits(shape), shape: [shape.batch, 1, shape.queries, 1])
    let seen = Tensor.arange(shape.keys, .int32) < limits
    let largest = scores.chosen(where: seen, else: .full([], -1e30)).max(-1, keepingAxes: true)
    let powers = (scores - largest.clamped(-1e30, .infinity)).exp()
    let counted = powers.chosen(where: seen, else: .full([], 0))
    let sums = counted.sum(-1, keepingAxes: true)
    return counted / sums.chosen(where: sums .!= 0, else: .full([], 1))
  }

  private func operation(_ name: String, _ shape: Attention) -> TracedOperation {
    TracedOperation(
      name,
      [
        "causal": .int(causal ? 1 : 0), "scale": .float(Double(shape.scale)), "heads": .int(shape.heads),
        "hasLengths": .int(lengths == nil ? 0 : 1), "hasMask": .int(mask == nil ? 0 : 1),
      ])
  }

  /// How many keys each query of each sequence sees, `[batch, queries]`.
  func limits(_ shape: Attention) throws -> [Int32] {
    let lengths = try lengths.map { try $0.values(as: Int64.self) }
    let count = lengths?.count ?? 0
    if let own = self.lengths, own.shape != [shape.batch], own.shape != [shape.batch, shape.queries] {
      throw TensorError(
        "attention", "lengths of shape \(own.shape) for \(shape.batch) sequences of \(shape.queries) queries")
    }
    let perQuery = count == shape.batch * shape.queries && self.lengths?.rank == 2
    return (0..<shape.batch * shape.queries).map { place in
      let own = lengths.map { Int(clamping: $0[perQuery ? place : place / shape.queries]) } ?? shape.keys
      let before = causal ? shape.keys - shape.queries + place % shape.queries + 1 : shape.keys
      return Int32(clamping: max(0, min(own, before, shape.keys)))
    }
  }

  /// The mask as what is added to the scores, `[batch, heads, queries, keys]` with steps of 0 where it repeats.
  func bias(_ shape: Attention) throws -> Tensor? {
    guard let mask else { return nil }
    let wanted: Shape = [shape.batch, shape.heads, shape.queries, shape.keys]
    let values =
      mask.dtype == .bool
      ? Tensor.full([], 0).chosen(where: mask, else: .full([], -.infinity)).detached() : mask.detached()
    guard try values.shape.broadcast(with: wanted, for: "attention mask") == wanted else {
      throw TensorError("attention", "a mask of shape \(mask.shape) for scores of shape \(wanted)")
    }
    // Along the keys it is read in vectors.
    let whole = values.shape.last == shape.keys ? values.packed() : values.expanded(to: wanted).packed()
    return whole.expanded(to: wanted)
  }
}

/// Queries, keys and values as kernels take them.
private struct AttentionFactors {
  let queries, keys, values: Tensor

  init(_ queries: Tensor, _ keys: Tensor, _ values: Tensor) throws {
    let (q, k, v) = (queries.shape, keys.shape, values.shape)
    guard q.rank == 4, k.rank == 4, v.rank == 4, q[0] == k[0], q[1] == k[1], q[3] == k[3], q[3] > 0,
      k[0] == v[0], k[1] == v[1], k[2] == v[2]
    else {
      throw TensorError(
        "attention", "needs queries, keys and values [batch, heads, steps, width], not \(q), \(k) and \(v)")
    }
    if let odd = [queries, keys, values].first(where: { $0.dtype != .float32 }) {
      throw TensorError("attention", "needs float32, not \(odd.dtype)")
    }
    self.queries = queries.detached().withRows()
    self.keys = keys.detached().withRows()
    self.values = values.detached().withRows()
  }

  init(_ thirds: [Tensor]) throws { try self.init(thirds[0], thirds[1], thirds[2]) }

  func shape(_ scale: Double?) -> Attention {
    let (q, k) = (queries.shape, keys.shape)
    let usual = 1 / Double(q[3]).squareRoot()
    return Attention(
      batch: q[0], heads: q[1], queries: q[2], keys: k[2], width: q[3], valueWidth: values.shape[3],
      scale: Float(scale ?? usual))
  }
}

/// One use of attention: what backward needs of forward.
private final class AttentionCall {
  let shape: Attention
  private let factors: AttentionFactors
  private let limits: [Int32]
  private let bias: Tensor?
  private let draws: [Attention.Draws]
  private let statistics: Tensor
  private let kernels = KernelOptions.current.kernels

  init(_ view: AttentionView, _ factors: AttentionFactors) throws {
    self.factors = factors
    shape = factors.shape(view.scale)
    limits = try view.limits(shape)
    bias = try view.bias(shape)
    draws =
      view.dropout == 0
      ? [] : try ForwardScope.keys(.dropout, rows: shape.batch).map { $0.draws(view.dropout) }
    statistics = try Tensor(uninitialized: [shape.statisticsCount], .float32)
  }

  func forward(into output: Tensor) throws {
    try with(output) { kernels.attend(shape, $0, into: $1) }
  }

  func backward(_ gradient: Tensor, _ output: Tensor, into derivatives: [Tensor]) throws {
    if limits.isEmpty {
      for derivative in derivatives { derivative.fill(0) }
      return
    }
    let gradient = gradient.withRows()
    let own = try gradient.attentionHeads()
    let into = try Attention.Derivatives(
      queries: derivatives[0].attentionHeads(), keys: derivatives[1].attentionHeads(),
      values: derivatives[2].attentionHeads())
    try with(output) { kernels.attentionGradient(shape, $0, $1, outputGradient: own, into: into) }
    withExtendedLifetime(gradient) {}
  }

  private func with(_ output: Tensor, _ body: (Attention.Inputs, Attention.Outputs) -> Void) throws {
    let (queries, keys, values) = try (
      factors.queries.attentionHeads(), factors.keys.attentionHeads(), factors.values.attentionHeads()
    )
    let mask = try bias?.attentionHeads()
    let outputs = Attention.Outputs(output: try output.attentionHeads(), statistics: try statistics.pointer())
    limits.withUnsafeBufferPointer { limits in
      // Of no queries there are none, and none is read.
      guard let limits = limits.baseAddress else { return }
      body(
        .init(queries: queries, keys: keys, values: values, limits: limits, mask: mask, draws: draws), outputs)
    }
  }
}

extension Attention {
  fileprivate var outputExtents: [Int] { [batch, heads, queries, valueWidth] }
}

extension RandomKey {
  /// For a kernel that draws by itself.
  fileprivate func draws(_ probability: Double) -> Attention.Draws {
    Attention.Draws(
      seed: seed, sample: UInt32(truncatingIfNeeded: sample), time: UInt32(truncatingIfNeeded: time),
      purpose: UInt32(truncatingIfNeeded: layer) << 8 | UInt32(purpose.rawValue), probability: probability)
  }
}

extension Tensor {
  /// New memory for `[batch, heads, steps, width]`, step by step with all heads of a step side by side: heads that are joined again
  /// need not be copied.
  fileprivate static func ofHeads(_ extents: [Int]) throws -> Tensor {
    let (heads, steps, width) = (extents[1], extents[2], extents[3])
    return try Tensor(
      uninitialized: Shape(extents), .float32, strides: [steps * heads * width, width, heads * width, 1])
  }

  /// `[batch, steps, width]` as `[batch, heads, steps, width / heads]`. A view.
  fileprivate final func heads(_ heads: Int) -> Tensor {
    let width = shape[2] / heads
    return view(
      [shape[0], heads, shape[1], width], strides: [strides[0], width * strides[2], strides[1], strides[2]],
      offset: offset)
  }

  /// Queries, keys and values that lie side by side, by heads. Views.
  fileprivate final func thirds(_ heads: Int) -> [Tensor] {
    let width = shape[2] / 3
    return (0..<3).map { part(width * $0..<width * ($0 + 1), 2).heads(heads) }
  }

  /// `[batch, heads, steps, width]` with the numbers of a step side by side; copied where they are not.
  fileprivate final func withRows() -> Tensor { strides[3] == 1 || shape[3] == 1 ? self : packed() }

  fileprivate final func attentionHeads() throws -> Attention.Heads {
    Attention.Heads(try pointer(), sequenceStep: strides[0], headStep: strides[1], rowStep: strides[2])
  }
}
