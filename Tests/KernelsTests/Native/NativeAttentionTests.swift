import Testing

@testable import Kernels
@testable import TestSupport

/// Attention is what its article says, bit for bit, on every instruction set and any number of threads.
@Suite("Native attention against its definition")
struct NativeAttentionTests {
  /// Queries, keys and values of one head after the other, and what is made of them.
  private struct Case {
    let shape: Attention
    let queries, keys, values, gradient, mask: GuardedBuffer
    let limits: [Int32]
    let draws: [Attention.Draws]
    let hasMask: Bool

    init(_ shape: Attention, _ numbers: inout SeededNumbers, hasMask: Bool, dropout: Double) {
      self.shape = shape
      let heads = shape.batch * shape.heads
      queries = numbers.floats(heads * shape.queries * shape.width, .usual)
      keys = numbers.floats(heads * shape.keys * shape.width, .usual)
      values = numbers.floats(heads * shape.keys * shape.valueWidth, .usual)
      gradient = numbers.floats(heads * shape.queries * shape.valueWidth, .usual)
      mask = numbers.floats(heads * shape.queries * shape.keys, .usual)
      for place in 0..<mask.count where numbers.int(0...4) == 0 { mask.pointer[place] = -.infinity }
      limits = (0..<shape.batch * shape.queries).map { _ in Int32(numbers.int(0...shape.keys)) }
      draws =
        dropout == 0
        ? []
        : (0..<shape.batch).map {
          .init(seed: 5, sample: UInt32($0), time: 2, purpose: 3 << 8, probability: dropout)
        }
      self.hasMask = hasMask
    }

    func heads(_ buffer: GuardedBuffer, _ steps: Int, _ width: Int) -> Attention.Heads {
      Attention.Heads(
        buffer.pointer, sequenceStep: shape.heads * steps * width, headStep: steps * width, rowStep: width)
    }

    /// The output and statistics, then the derivatives.
    func computed(by backend: any Backend, _ numbers: inout SeededNumbers) -> [GuardedBuffer] {
      let results = [gradient.count, shape.statisticsCount, queries.count, keys.count, values.count].map {
        numbers.space($0)
      }
      limits.withUnsafeBufferPointer { limits in
        guard let limits = limits.baseAddress else { return }
        let inputs = Attention.Inputs(
          queries: heads(queries, shape.queries, shape.width), keys: heads(keys, shape.keys, shape.width),
          values: heads(values, shape.keys, shape.valueWidth), limits: limits,
          mask: hasMask ? heads(mask, shape.queries, shape.keys) : nil, draws: draws)
        let outputs = Attention.Outputs(
          output: heads(results[0], shape.queries, shape.valueWidth), statistics: results[1].pointer)
        backend.attend(shape, inputs, into: outputs)
        backend.attentionGradient(
          shape, inputs, outputs, outputGradient: heads(gradient, shape.queries, shape.valueWidth),
          into: .init(
            queries: heads(results[2], shape.queries, shape.width), keys: heads(results[3], shape.keys, shape.width),
            values: heads(results[4], shape.keys, shape.valueWidth)))
      }
      return results
    }
  }

  private static func cases(_ seed: Int) -> [Case] {
    var numbers = SeededNumbers(UInt64(seed))
    return (0..<4).map { index in
      let (queries, keys) = index == 0 ? (27, 203) : (numbers.few(40), numbers.few(120))
      let shape = Attention(
        batch: numbers.few(2), heads: numbers.few(2), queries: queries, keys: keys, width: numbers.few(20),
        valueWidth: numbers.few(36), scale: 2.5)
      return Case(shape, &numbers, hasMask: index % 2 == 1, dropout: index > 1 ? 0.3 : 0)
    }
  }

  @Test("The same bits by the definition, and numbers near the naive loops'", arguments: 0..<2)
  func definition(seed: Int) throws {
    var numbers = SeededNumbers(99)
    for one in Self.cases(seed) {
      let wanted = AttentionDefinition.results(
        one.shape, one.queries.values, one.keys.values, one.values.values, one.gradient.values, one.limits,
        mask: one.hasMask ? one.mask.values : nil, one.draws)
      for instructions in InstructionSet.available {
        let found = one.computed(by: Native(KernelOptions(), instructions), &numbers)
        for (index, (buffer, values)) in zip(found, wanted).enumerated() {
          expectSame(buffer, GuardedBuffer(values), "\(instructions), result \(index) of \(one.shape)")
        }
      }
      let naive = one.computed(by: Reference(), &numbers)
      for (buffer, values) in zip(naive, wanted) {
        let wrong = zip(buffer.values, values).first { !(abs($0 - $1) <= 1e-4 + 1e-4 * abs($1)) && $0 != $1 }
        #expect(wrong == nil, "\(one.shape)")
      }
    }
  }

  @Test("Any number of threads")
  func threads() throws {
    var numbers = SeededNumbers(3)
    let one = Case(
      Attention(batch: 2, heads: 3, queries: 100, keys: 130, width: 16, valueWidth: 16, scale: 0.25), &numbers,
      hasMask: false, dropout: 0)
    let single = KernelThreads.limited(to: 1) { one.computed(by: Native(), &numbers) }
    for count in [2, 5] {
      let several = KernelThreads.limited(to: count) { one.computed(by: Native(), &numbers) }
      for (a, b) in zip(several, single) { expectSame(a, b, "\(count) threads") }
    }
  }
}

/// The article's sentences, one by one.
private enum AttentionDefinition {
  static func results(
    _ shape: Attention, _ q: [Float], _ k: [Float], _ v: [Float], _ g: [Float], _ limits: [Int32], mask: [Float]?,
    _ draws: [Attention.Draws]
  ) -> [[Float]] {
    let (w, vw, count) = (shape.width, shape.valueWidth, shape.batch * shape.heads * shape.queries)
    var output = [Float](repeating: 0, count: g.count)
    var statistics = [Float](repeating: -.infinity, count: count) + [Float](repeating: 0, count: count)
    var derivatives = [q.count, k.count, v.count].map { [Float](repeating: 0, count: $0) }
    for row in 0..<count {
      let (query, pair) = (row % shape.queries, row / shape.queries)
      let (sequence, first) = (pair / shape.heads, pair * shape.keys)
      let seen = Int(limits[sequence * shape.queries + query])
      var scores = (0..<seen).map { key in
        chain(w) { (q[row * w + $0], k[(first + key) * w + $0]) } * shape.scale
      }
      if let mask { for key in scores.indices { scores[key] += mask[row * shape.keys + key] } }
      let kept = draws.isEmpty ? nil : draws[sequence].factors(shape, pair % shape.heads, query)
      var (most, sum, means) = (-Float.infinity, Float(0), [Float](repeating: 0, count: vw))
      for start in stride(from: 0, to: seen, by: 96) {
        let block = Array(scores[start..<min(start + 96, seen)])
        let next = block.reduce(most) { $1 > $0 ? $1 : $0 }
        let shrunk = next == most ? 1 : exp(most - next)
        var weights = block.map { exp($0 - (next == -.infinity ? 0 : next)) }
        (most, sum) = (next, added(weights.map { ($0, 1) }).addingProduct(sum, shrunk))
        if let kept { for j in weights.indices { weights[j] *= kept[start + j] } }
        for d in 0..<vw {
          means[d] = weights.indices.reduce(means[d] * shrunk) {
            $0.addingProduct(weights[$1], v[(first + start + $1) * vw + d])
          }
        }
      }
      for d in 0..<vw where sum != 0 { output[row * vw + d] = means[d] / sum }
      (statistics[row], statistics[count + row]) = (most, sum)
      if seen == 0 || sum == 0 { continue }
      let even = added((0..<vw).map { (g[row * vw + $0], output[row * vw + $0]) })
      for key in 0..<seen {
        let weight = exp(scores[key] - most) * (1 / sum)
        let factor = kept?[key] ?? 1
        let product = chain(vw) { (g[row * vw + $0], v[(first + key) * vw + $0]) } * factor
        let slope = weight * (product - even) * shape.scale
        for d in 0..<w {
          derivatives[0][row * w + d].addProduct(slope, k[(first + key) * w + d])
          derivatives[1][(first + key) * w + d].addProduct(slope, q[row * w + d])
        }
        for d in 0..<vw { derivatives[2][(first + key) * vw + d].addProduct(weight * factor, g[row * vw + d]) }
      }
    }
    return [output, statistics] + derivatives
  }

  private static func chain(_ count: Int, _ factors: (Int) -> (Float, Float)) -> Float {
    (0..<count).reduce(0) { sum, index in
      let (a, b) = factors(index)
      return sum.addingProduct(a, b)
    }
  }

  private static func exp(_ x: Float) -> Float {
    var result = x
    withUnsafePointer(to: x) { ElementaryFunction.exp.apply($0, into: &result, count: 1) }
    return result
  }

  /// Products in 16 partial sums, which are added in halves.
  private static func added(_ pairs: [(Float, Float)]) -> Float {
    var parts = [Float](repeating: 0, count: 16)
    for (index, pair) in pairs.enumerated() { parts[index % 16].addProduct(pair.0, pair.1) }
    for step in [8, 4, 2, 1] { for j in 0..<step { parts[j] += parts[j + step] } }
    return parts[0]
  }
}

extension Attention.Draws {
  /// Of a query's keys.
  fileprivate func factors(_ shape: Attention, _ head: Int, _ query: Int) -> [Float] {
    kept(shape, head, query, shape.keys).map { Float($0) }
  }
}
