import Testing

@testable import DataParallel
@testable import TestSupport

/// Each code against its definition.
@Suite struct GradientCodeTests {
  private func coded(_ values: [Float], _ code: any GradientCode) -> (decoded: [Float], lost: [Float]) {
    let bytes = Numbers<UInt8>(count: code.byteCount(of: values.count))
    let (lost, decoded) = (Numbers<Float>(count: values.count), Numbers<Float>(count: values.count))
    guard let start = bytes.values.baseAddress, let losses = lost.values.baseAddress else { return ([], []) }
    values.withUnsafeBufferPointer { code.encode($0, into: start, losing: losses) }
    code.decode(start, into: decoded.values, adding: false)
    // Adding puts the same on top of what is there.
    let sums = Numbers([Float](repeating: 3, count: values.count))
    code.decode(start, into: sums.values, adding: true)
    #expect(zip(sums.values, decoded.values).allSatisfy { $0 == 3 + $1 || $1.isNaN })
    return (Array(decoded.values), Array(lost.values))
  }

  private func random(_ count: Int, seed: UInt64 = 3) -> [Float] {
    var numbers = SeededNumbers(seed)
    return (0..<count).map { _ in Float.random(in: -1...1, using: &numbers) * Float(numbers.int(1...1000)) }
  }

  /// To the nearest of the two numbers with eight bits of mantissa, to the even one in the middle.
  @Test func bf16RoundsToTheNearest() {
    #expect(BF16Code().byteCount(of: 10) == 20)
    // 1 + 1/256 lies between 1 and 1 + 1/128: 1 is even. 1 + 3/256 lies between 1 + 1/128 and 1 + 2/128, which is even.
    let known: [(Float, Float)] = [
      (0, 0), (1, 1), (-2.5, -2.5), (1 + 1 / 256, 1), (1 + 3 / 256, 1 + 2 / 128), (-(1 + 1.01 / 256), -(1 + 1 / 128)),
      (.leastNonzeroMagnitude, 0), (3.4e38, .infinity), (-.infinity, -.infinity),
    ]
    #expect(coded(known.map(\.0), BF16Code()).decoded == known.map(\.1))
    for bits: UInt32 in [0x7FC0_0000, 0x7F80_0001, 0x7FFF_FFFF, 0xFFFF_FFFF] {
      #expect(coded([Float(bitPattern: bits)], BF16Code()).decoded[0].isNaN)
    }
    let values = random(10_000)
    let (decoded, lost) = coded(values, BF16Code())
    for (value, (found, loss)) in zip(values, zip(decoded, lost)) {
      #expect(found.bitPattern & 0xFFFF == 0 && abs(value - found) <= abs(value) / 256)
      #expect(found + loss == value)
    }
  }

  /// The nearest multiple of the block's largest magnitude by 127.
  @Test(arguments: [1, 7, 255, 256, 257, 700]) func int8IsAMultipleOfTheScale(_ count: Int) {
    let blocks = (count + 255) / 256
    #expect(Int8Code().byteCount(of: count) == count + 4 * blocks)
    var values = random(count, seed: UInt64(count))
    values[count / 2] = -5000
    let (decoded, lost) = coded(values, Int8Code())
    for block in 0..<blocks {
      let range = block * 256..<min(count, (block + 1) * 256)
      let scale = (values[range].map(abs).max() ?? 0) / 127
      for i in range {
        let number = (Double(values[i]) / Double(scale)).rounded(.toNearestOrEven)
        // Of a number in the middle of two, the rounding of the division decides.
        #expect(abs(Double(decoded[i]) - number * Double(scale)) <= Double(scale) * 1.0001)
        #expect(abs(values[i] - decoded[i]) <= scale * 0.50001 && abs(decoded[i]) <= scale * 127.0001)
        #expect(abs(decoded[i] + lost[i] - values[i]) <= abs(values[i]) * 1e-6)
      }
    }
    // What is a multiple comes back as it was.
    let whole = (0..<count).map { Float($0 % 255 - 127) * 0.5 } + [63.5]
    #expect(coded(whole, Int8Code()).decoded == whole)
  }

  @Test func int8OfWhatHasNoScale() {
    #expect(coded([Float](repeating: 0, count: 300), Int8Code()).decoded == [Float](repeating: 0, count: 300))
    let tiny = Float.leastNonzeroMagnitude * 5
    let (decoded, lost) = coded([tiny, -tiny], Int8Code())
    #expect(decoded == [0, 0] && lost == [tiny, -tiny])
    // A block with one odd number is odd as a whole; others are not.
    for odd in [Float.nan, .infinity, -.infinity] {
      for place in [0, 5, 255, 256, 299] {
        var values = [Float](repeating: 1, count: 300)
        values[place] = odd
        let decoded = coded(values, Int8Code()).decoded
        #expect(decoded.indices.allSatisfy { decoded[$0].isNaN == ($0 / 256 == place / 256) })
      }
    }
  }
}

/// Products with thin matrices, against sums written out.
@Suite struct FactorLoopsTests {
  @Test(arguments: [(1, 1, 1), (5, 9, 2), (17, 33, 4)]) func products(_ n: Int, _ m: Int, _ r: Int) {
    var numbers = SeededNumbers(8)
    func matrix(_ count: Int) -> Numbers<Float> {
      Numbers((0..<count).map { _ in Float.random(in: -1...1, using: &numbers) })
    }
    let (large, rows, columns) = (matrix(n * m), matrix(r * m), matrix(n * r))
    let (left, right, product) = (matrix(n * r), matrix(r * m), Numbers(Array(large.values)))
    guard let a = large.values.baseAddress, let q = rows.values.baseAddress, let p = columns.values.baseAddress,
      let x = left.values.baseAddress, let y = right.values.baseAddress, let z = product.values.baseAddress
    else { return }
    FactorLoops.multiply(a, n, m, rows: q, r, into: x)
    FactorLoops.multiplyTransposed(p, a, n, m, r, into: y)
    FactorLoops.addProduct(p, q, n, m, r, times: -0.5, to: z)
    for k in 0..<r {
      for i in 0..<n { #expect(abs(x[i * r + k] - (0..<m).reduce(0) { $0 + a[i * m + $1] * q[k * m + $1] }) < 1e-5) }
      for j in 0..<m { #expect(abs(y[k * m + j] - (0..<n).reduce(0) { $0 + p[$1 * r + k] * a[$1 * m + j] }) < 1e-5) }
    }
    for i in 0..<n {
      for j in 0..<m {
        let sum = (0..<r).reduce(0) { $0 + p[i * r + $1] * q[$1 * m + j] }
        #expect(abs(z[i * m + j] - (a[i * m + j] - 0.5 * sum)) < 1e-5)
      }
    }
  }

  @Test func columnsBecomeOrthogonal() {
    // The third is the sum of the first two, the fourth is zeros.
    let rows: [[Float]] = [[1, 2, 3, 0], [0, 1, 1, 0], [2, 0, 2, 0], [1, -1, 0, 0], [3, 1, 4, 0]]
    let matrix = Numbers(rows.flatMap { $0 })
    guard let start = matrix.values.baseAddress else { return }
    #expect(FactorLoops.orthogonalise(start, 5, 4) == [2, 3])
    func dot(_ a: Int, _ b: Int) -> Float { (0..<5).reduce(0) { $0 + start[$1 * 4 + a] * start[$1 * 4 + b] } }
    for a in 0..<4 {
      for b in 0..<4 { #expect(abs(dot(a, b) - (a == b && a < 2 ? 1 : 0)) < 1e-6) }
    }
    let odd = Numbers<Float>([1, .nan, 2, 1])
    if let start = odd.values.baseAddress { _ = FactorLoops.orthogonalise(start, 2, 2) }
    #expect(odd.values[1].isNaN && odd.values[3].isNaN)
  }
}
