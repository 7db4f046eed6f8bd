import Tensors
import Testing

@testable import TestSupport

@Suite("Random numbers")
struct RandomNumberTests {
  /// The known answers of Random123's `kat_vectors` for philox4x32-10: key, counter, numbers.
  static let knownAnswers: [(key: UInt64, counter: SIMD4<UInt32>, numbers: SIMD4<UInt32>)] = [
    (0, SIMD4(0, 0, 0, 0), SIMD4(0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8)),
    (
      .max, SIMD4(.max, .max, .max, .max), SIMD4(0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD)
    ),
    (
      0x299F_31D0_A409_3822, SIMD4(0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344),
      SIMD4(0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1)
    ),
  ]

  @Test("Philox gives the published numbers", arguments: RandomNumberTests.knownAnswers.indices)
  func philox(index: Int) {
    let answer = Self.knownAnswers[index]
    #expect(Philox.block(key: answer.key, counter: answer.counter) == answer.numbers)
  }

  @Test("A key's numbers are a function of the key; any other key has others")
  func keys() throws {
    let key = RandomKey(seed: 1, .dropout, layer: 2, time: 3, sample: 4)
    var others = [RandomKey](repeating: key, count: 5)
    others[0].seed = 2
    others[1].purpose = .shuffling
    others[2].layer = 3
    others[3].time = 4
    others[4].sample = 5
    let numbers = try Tensor.uniform([8], key: key).floats()
    #expect(try Tensor.uniform([8], key: key).floats() == numbers)
    // Of several vectors, and what is left behind them.
    for count in [1, 3, 8, 63, 203] {
      #expect(try Tensor.uniform([count], key: key).floats() == (0..<count).map { key.uniform($0) })
    }
    for other in others { #expect(try Tensor.uniform([8], key: other).floats() != numbers) }
    // Neither a negative index nor one past 32 bits traps.
    _ = key.uniform(-1) + key.uniform(.max) + RandomKey(seed: 0, layer: .max, time: .min, sample: -1).uniform(0)
  }

  @Test("Uniform numbers: range, moments, and a chi-squared of a hundred cells")
  func uniform() throws {
    let count = 200_000
    let values = try Tensor.uniform([count], key: RandomKey(seed: 3)).floats()
    #expect(values.allSatisfy { (0..<1).contains($0) })
    expectMoments(values.map(Double.init), mean: 0.5, variance: 1.0 / 12)
    let cells = values.reduce(into: [Double](repeating: 0, count: 100)) { $0[Int($1 * 100)] += 1 }
    #expect(chiSquared(cells, [Double](repeating: Double(count) / 100, count: 100)) < 150)  // 99.9th percentile: 148
    let wide = try Tensor.uniform([count], 1, 2, key: RandomKey(seed: 4)).floats()
    #expect(wide.allSatisfy { (1..<2).contains($0) })
  }

  @Test("Normal numbers: moments, tails, and neighbours that don't correlate")
  func normal() throws {
    let values = try Tensor.normal([200_001], key: RandomKey(seed: 5)).floats().map(Double.init)
    expectMoments(values, mean: 0, variance: 1)
    let count = Double(values.count)
    let kurtosis = values.reduce(0) { $0 + $1 * $1 * $1 * $1 } / count
    #expect(abs(kurtosis - 3) < 0.1)
    #expect(abs(Double(values.filter { $0 > 1.6449 }.count) / count - 0.05) < 0.003)
    for lag in 1...4 {
      let products = zip(values, values.dropFirst(lag)).reduce(0) { $0 + $1.0 * $1.1 } / count
      #expect(abs(products) < 0.012, "lag \(lag)")
    }
    let scaled = try Tensor.normal([100_000], mean: 3, standardDeviation: 0.1, key: RandomKey(seed: 6)).floats()
    expectMoments(scaled.map(Double.init), mean: 3, variance: 0.01)
  }

  /// Box's and Muller's formula of Philox's numbers, in 40 digits (mpmath), rounded once.
  @Test("Normal numbers are these, bit for bit, on every processor")
  func knownNormals() throws {
    let known: [UInt32] = [
      0x3FC5_8FCA, 0x3F39_0B12, 0x4033_723C, 0xBF1D_013E, 0x3F03_7735, 0x3F44_85D3, 0x3F74_B9C0, 0x3F64_3B18,
      0xBF77_3D98, 0xC018_C844, 0x3E82_6B21, 0x3F46_B913,
    ]
    for count in 1...known.count {
      let values = try Tensor.normal([count], key: RandomKey(seed: 5)).floats()
      #expect(values.map(\.bitPattern) == Array(known.prefix(count)))
    }
    // Many are made at once; each is still a function of its place.
    let many = try Tensor.normal([2051], key: RandomKey(seed: 5)).floats()
    for count in [511, 512, 513, 1025] {
      #expect(try Tensor.normal([count], key: RandomKey(seed: 5)).floats() == Array(many.prefix(count)))
    }
  }

  @Test("Bernoulli", arguments: [0, 0.1, 0.5, 1])
  func bernoulli(probability: Double) throws {
    let values = try Tensor.bernoulli([100_000], probability: probability, key: RandomKey(seed: 7)).floats()
    #expect(values.allSatisfy { $0 == 0 || $0 == 1 })
    let share = Double(values.reduce(0, +)) / 100_000
    #expect(abs(share - probability) <= 5 * (probability * (1 - probability) / 100_000).squareRoot())
  }

  @Test("Multinomial: a fair die as in the book, and unfair ones")
  func multinomial() throws {
    for probabilities in [[Double](repeating: 1, count: 6), [0.5, 0, 0.25, 0.25], [3, 1, 0]] {
      let draws = 20_000
      let counts = try Tensor.multinomial(draws: draws, probabilities: probabilities, key: RandomKey(seed: 8)).floats()
      #expect(counts.reduce(0, +) == Float(draws))
      let total = probabilities.reduce(0, +)
      let possible = probabilities.indices.filter { probabilities[$0] > 0 }
      for index in probabilities.indices where probabilities[index] == 0 { #expect(counts[index] == 0) }
      let (seen, wanted) = (
        possible.map { Double(counts[$0]) }, possible.map { Double(draws) * probabilities[$0] / total }
      )
      #expect(chiSquared(seen, wanted) < 25)  // 99.9th percentile of 5 degrees of freedom: 20.5
    }
    #expect(try Tensor.multinomial(draws: 0, probabilities: [1, 1], key: RandomKey(seed: 8)).floats() == [0, 0])
  }

  @Test("Permutations hold each number once, differ by epoch, and each order is as likely")
  func permutation() throws {
    for count in [0, 1, 2, 7, 1000] {
      let order = try Tensor.permutation(count, key: RandomKey(seed: 9, .shuffling)).values(as: Int64.self)
      #expect(order.sorted() == (0..<count).map { Int64($0) })
    }
    let epochs = (0..<20).map { RandomKey(seed: 9, .shuffling, time: $0).permutation(100) }
    #expect(Set(epochs).count == 20)
    var counts: [[Int]: Double] = [:]
    for time in 0..<6000 { counts[RandomKey(seed: 10, .shuffling, time: time).permutation(3), default: 0] += 1 }
    #expect(counts.count == 6 && chiSquared(Array(counts.values), [Double](repeating: 1000, count: 6)) < 25)
  }

  private func expectMoments(
    _ values: [Double], mean: Double, variance: Double, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let count = Double(values.count)
    let average = values.reduce(0, +) / count
    let spread = values.reduce(0) { $0 + ($1 - average) * ($1 - average) } / count
    #expect(abs(average - mean) < 5 * (variance / count).squareRoot(), sourceLocation: sourceLocation)
    #expect(abs(spread - variance) < variance * 8 / count.squareRoot(), sourceLocation: sourceLocation)
  }

  private func chiSquared(_ seen: [Double], _ wanted: [Double]) -> Double {
    zip(seen, wanted).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) / $1.1 }
  }
}
