import Kernels

extension Tensor {
  /// Float32 numbers evenly in `low..<high`. As in all of these the numbers are a function of the key; without one they are the
  /// next of the generator that `manualSeed` sets.
  public static func uniform(
    _ shape: Shape, _ low: Double = 0, _ high: Double = 1, key: RandomKey = .next()
  ) -> Tensor {
    let result = Tensor(uninitializedFloats: shape)
    result.change {
      let target = try result.pointer(Float.self)
      key.fillUniform(target, count: result.elementCount)
      // Rounding may reach `high`, which is outside.
      let last = low < high ? Float(high).nextDown : Float(high)
      for i in 0..<result.elementCount { target[i] = Swift.min(Float(low) + Float(high - low) * target[i], last) }
    }
    return result
  }

  /// Float32 numbers of a normal distribution (Box and Muller).
  public static func normal(
    _ shape: Shape, mean: Double = 0, standardDeviation: Double = 1, key: RandomKey = .next()
  ) -> Tensor {
    let result = Tensor(uninitializedFloats: shape)
    result.change { try result.fillNormal(mean, standardDeviation, key) }
    return result
  }

  private final func fillNormal(_ mean: Double, _ standardDeviation: Double, _ key: RandomKey) throws {
    let target = try pointer(Float.self)
    // Pairs at once; a block has two.
    let pairs = 256
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 3 * pairs) { memory in
      guard let radii = memory.baseAddress else { return }
      let (cosines, sines) = (radii + pairs, radii + 2 * pairs)
      for first in stride(from: 0, to: elementCount, by: 2 * pairs) {
        let count = Swift.min(pairs, (elementCount - first + 1) / 2)
        for pair in stride(from: 0, to: count, by: 2) {
          let bits = key.block((first / 2 + pair) / 2)
          (radii[pair], radii[pair + 1]) = (1 - Double(bits.x) * 0x1p-32, 1 - Double(bits.z) * 0x1p-32)
          sines[pair] = 2 * Double.pi * Double(bits.y) * 0x1p-32
          sines[pair + 1] = 2 * Double.pi * Double(bits.w) * 0x1p-32
        }
        ElementaryFunction.log.apply(radii, into: radii, count: count)
        ElementaryFunction.cos.apply(sines, into: cosines, count: count)
        ElementaryFunction.sin.apply(sines, into: sines, count: count)
        for pair in 0..<count {
          let (radius, index) = ((-2 * radii[pair]).squareRoot(), first + 2 * pair)
          target[index] = Float(mean + standardDeviation * (radius * cosines[pair]))
          if index + 1 < elementCount { target[index + 1] = Float(mean + standardDeviation * (radius * sines[pair])) }
        }
      }
    }
  }

  /// Whole numbers evenly in `low..<high`: int64.
  public static func integers(_ shape: Shape, _ low: Int, _ high: Int, key: RandomKey = .next()) -> Tensor {
    let (count, overflow) = high.subtractingReportingOverflow(low)
    guard count > 0, !overflow else {
      return Tensor(fault: TensorError("integers", "from \(low) to below \(high)"), shape, .int64)
    }
    let result = zeros(shape, .int64)
    result.change {
      let target = try result.pointer(Int64.self)
      for i in 0..<result.elementCount { target[i] = Int64(low + key.bounded(count, draw: i)) }
    }
    return result
  }

  /// 1 with the given probability, else 0; float32.
  public static func bernoulli(_ shape: Shape, probability: Double, key: RandomKey = .next()) -> Tensor {
    guard (0...1).contains(probability) else {
      let error = TensorError("bernoulli", "probability \(probability) is not in 0…1")
      return Tensor(fault: error, shape, .float32)
    }
    return (uniform(shape, key: key) < probability).to(.float32)
  }

  /// How often each outcome comes up in `draws` draws with the given probabilities; float32 of the same length.
  public static func multinomial(draws: Int, probabilities: [Double], key: RandomKey = .next()) -> Tensor {
    let total = probabilities.reduce(0, +)
    guard draws >= 0, total > 0, total.isFinite, probabilities.allSatisfy({ $0 >= 0 }) else {
      let error = TensorError("multinomial", "\(draws) draws with probabilities \(probabilities)")
      return Tensor(fault: error, [probabilities.count], .float32)
    }
    var counts = [Float](repeating: 0, count: probabilities.count)
    let last = probabilities.lastIndex { $0 > 0 } ?? 0
    for draw in 0..<draws {
      var rest = Double(key.uniform(draw)) * total
      let outcome = probabilities.firstIndex { probability in
        rest -= probability
        return rest < 0
      }
      counts[outcome ?? last] += 1
    }
    return Tensor(counts)
  }

  /// The same for each of several groups of draws, `[groups, outcomes]`.
  public static func multinomial(
    draws: Int, probabilities: [Double], groups: Int, key: RandomKey = .next()
  ) -> Tensor {
    guard groups > 0 else {
      return Tensor(fault: TensorError("multinomial", "\(groups) groups of draws"), [0, probabilities.count], .float32)
    }
    return stack(
      (0..<groups).map { group in
        var own = key
        own.sample = group
        return multinomial(draws: draws, probabilities: probabilities, key: own)
      })
  }

  /// `0..<count` in random order; int64.
  public static func permutation(_ count: Int, key: RandomKey = .next()) -> Tensor {
    guard count >= 0, count <= Int32.max else {
      let error = TensorError("permutation", "of \(count) numbers, not of 0 to \(Int32.max)")
      return Tensor(fault: error, [Swift.max(count, 0)], .int64)
    }
    return Tensor(key.permutation(count).map(Int64.init))
  }
}
