import Glibc

/// Attention as it is defined, a query at a time with all of its weights.
extension Reference {
  public func attend(_ shape: Attention, _ inputs: Attention.Inputs, into outputs: Attention.Outputs) {
    shape.forEachQuery { sequence, head, query, place in
      let row = Row(shape, inputs, sequence, head, query)
      let output = outputs.output.row(sequence, head, query)
      for d in 0..<shape.valueWidth {
        output[d] = Float(
          row.weights.indices.reduce(0.0) { sum, key in
            sum + row.weights[key] * row.kept[key] * Double(inputs.values.row(sequence, head, key)[d])
          })
      }
      (outputs.statistics[place], outputs.statistics[shape.statisticsCount / 2 + place]) = (
        Float(row.largest), Float(row.sum)
      )
    }
  }

  public func attentionGradient(
    _ shape: Attention, _ inputs: Attention.Inputs, _ outputs: Attention.Outputs, outputGradient: Attention.Heads,
    into derivatives: Attention.Derivatives
  ) {
    var (ofKeys, ofValues): ([[Double]], [[Double]]) = ([], [])
    shape.forEachQuery { sequence, head, query, _ in
      if query == 0 {
        ofKeys = Array(repeating: Array(repeating: 0, count: shape.width), count: shape.keys)
        ofValues = Array(repeating: Array(repeating: 0, count: shape.valueWidth), count: shape.keys)
      }
      let row = Row(shape, inputs, sequence, head, query)
      let gradient = outputGradient.row(sequence, head, query)
      var slopes = row.weights.indices.map { key in
        let value = inputs.values.row(sequence, head, key)
        return row.kept[key] * (0..<shape.valueWidth).reduce(0.0) { $0 + Double(gradient[$1]) * Double(value[$1]) }
      }
      let common = zip(row.weights, slopes).reduce(0.0) { $0 + $1.0 * $1.1 }
      slopes = zip(row.weights, slopes).map { $0 * ($1 - common) * Double(shape.scale) }
      let (own, ofOwn) = (inputs.queries.row(sequence, head, query), derivatives.queries.row(sequence, head, query))
      for d in 0..<shape.width {
        ofOwn[d] = Float(
          slopes.indices.reduce(0.0) { $0 + slopes[$1] * Double(inputs.keys.row(sequence, head, $1)[d]) })
        for key in slopes.indices { ofKeys[key][d] += slopes[key] * Double(own[d]) }
      }
      for key in slopes.indices {
        for d in 0..<shape.valueWidth { ofValues[key][d] += row.weights[key] * row.kept[key] * Double(gradient[d]) }
      }
      guard query == shape.queries - 1 else { return }
      for key in 0..<shape.keys {
        let (key0, value0) = (derivatives.keys.row(sequence, head, key), derivatives.values.row(sequence, head, key))
        for d in 0..<shape.width { key0[d] = Float(ofKeys[key][d]) }
        for d in 0..<shape.valueWidth { value0[d] = Float(ofValues[key][d]) }
      }
    }
  }

  /// A query's weights, of the keys that it may see.
  private struct Row {
    var weights: [Double]
    /// What dropout multiplies each with.
    let kept: [Double]
    private(set) var (largest, sum) = (-Double.infinity, 0.0)

    init(_ shape: Attention, _ inputs: Attention.Inputs, _ sequence: Int, _ head: Int, _ query: Int) {
      let count = Int(inputs.limits[sequence * shape.queries + query])
      let own = inputs.queries.row(sequence, head, query)
      weights = (0..<count).map { key in
        let other = inputs.keys.row(sequence, head, key)
        let score = (0..<shape.width).reduce(0.0) { $0 + Double(own[$1]) * Double(other[$1]) }
        return score * Double(shape.scale) + Double(inputs.mask?.row(sequence, head, query)[key] ?? 0)
      }
      kept = inputs.draws.isEmpty ? weights.map { _ in 1 } : inputs.draws[sequence].kept(shape, head, query, count)
      largest = weights.max() ?? -.infinity
      let shift = largest == -.infinity ? 0 : largest
      weights = weights.map { Glibc.exp($0 - shift) }
      let total = weights.reduce(0, +)
      sum = total
      weights = weights.map { total == 0 ? 0 : $0 / total }
    }
  }
}

extension Attention {
  fileprivate func forEachQuery(_ body: (_ sequence: Int, _ head: Int, _ query: Int, _ place: Int) -> Void) {
    for place in 0..<batch * heads * queries {
      body(place / queries / heads, place / queries % heads, place % queries, place)
    }
  }
}

extension Attention.Heads {
  fileprivate func row(_ sequence: Int, _ head: Int, _ step: Int) -> Floats {
    data + (sequence * sequenceStep + head * headStep + step * rowStep)
  }
}

extension Attention.Draws {
  /// What a query's weights are multiplied with. Each 32 keys take the four words of 8 counters.
  func kept(_ shape: Attention, _ head: Int, _ query: Int, _ count: Int) -> [Double] {
    let groups = (shape.keys + 31) / 32
    return (0..<count).map { key in
      let counter = ((head * shape.queries + query) * groups + key / 32) * 8 + key % 8
      let words = Philox4.block(
        seed, SIMD4(UInt32(truncatingIfNeeded: counter), sample, time, purpose))
      return words[key % 32 / 8] >> 8 < threshold ? 0 : scale
    }
  }
}

/// As `Tensors` has it, which this target knows nothing of.
private enum Philox4 {
  static func block(_ key: UInt64, _ counter: SIMD4<UInt32>) -> SIMD4<UInt32> {
    var state = counter
    var (first, second) = (UInt32(truncatingIfNeeded: key), UInt32(truncatingIfNeeded: key >> 32))
    for _ in 0..<10 {
      let (left, right) = (UInt64(state.x) * 0xD251_1F53, UInt64(state.z) * 0xCD9E_8D57)
      state = SIMD4(
        UInt32(right >> 32) ^ state.y ^ first, UInt32(truncatingIfNeeded: right),
        UInt32(left >> 32) ^ state.w ^ second, UInt32(truncatingIfNeeded: left))
      first &+= 0x9E37_79B9
      second &+= 0xBB67_AE85
    }
    return state
  }
}
