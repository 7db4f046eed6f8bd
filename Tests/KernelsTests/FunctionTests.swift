import Glibc
import Testing

@testable import Kernels
@testable import TestSupport

/// How far functions are from the truth, in units in the last place. All 2³² float32 were tried when they were made: the
/// worst are at most as bad as what is asserted.
@Suite("Elementary functions")
struct FunctionTests {
  static let worst: [ElementaryFunction: Double] = [
    .exp: 0.9, .log: 0.501, .tanh: 1.3, .sigmoid: 1.5, .sin: 0.501, .cos: 0.501, .erf: 1.1,
  ]

  @Test("Float32 over all binades against float64", arguments: ElementaryFunction.allCases)
  func accuracy(_ function: ElementaryFunction) throws {
    var numbers = SeededNumbers(1)
    // Each exponent, both signs; denormals and what is not finite among them.
    let input = (0..<512 * 60).map { Float(bitPattern: UInt32($0 % 512) << 23 | UInt32(numbers.int(0...0x7F_FFFF))) }
    var result = input
    function.apply(input, into: &result, count: input.count)
    let error = zip(input, result).map { ($0, ulps($1, function.ofLibrary(Double($0)))) }.max { $0.1 < $1.1 }
    let (place, units) = try #require(error)
    #expect(units <= Self.worst[function] ?? 0, "\(function) of \(place)")
  }

  @Test("Float64 over all binades against the C library's", arguments: ElementaryFunction.allCases)
  func accuracyOfDoubles(_ function: ElementaryFunction) throws {
    var numbers = SeededNumbers(2)
    var input = (0..<4096 * 4).map { Double(bitPattern: UInt64($0 % 4096) << 52 | numbers.next() >> 12) }
    input += (0..<10_000).map { _ in Double.random(in: -40...40, using: &numbers) }
    input += (0..<1000).map { Double($0) * .pi / 4 }
    var result = input
    function.apply(input, into: &result, count: input.count)
    // The library's own are one unit off at most, its tanh two.
    let wrong = zip(input, result).first { ulps($1, function.ofLibrary($0)) > 3 }
    #expect(wrong == nil, "\(function)")
    #expect(zip(input, result).allSatisfy { function.value($0).bitPattern == $1.bitPattern || $1.isNaN })
  }

  @Test("Special numbers", arguments: ElementaryFunction.allCases)
  func special(_ function: ElementaryFunction) {
    let input: [Float] = [
      0, -0.0, .infinity, -.infinity, .nan, -.nan, .leastNonzeroMagnitude, -.leastNonzeroMagnitude,
      .leastNormalMagnitude, .greatestFiniteMagnitude, -.greatestFiniteMagnitude, 1, -1, 88.72283, 88.72284, -87.5,
      -103.97207, -103.97209, 87, -87, 87.00001, -87.00001, 9.5, 0x1p20, 0x1p31, 0x1.6ac5b2p125,
    ]
    for x in input {
      let wanted = Float(function.ofLibrary(Double(x)))
      let got = function.single(x)
      let isAlike = got.isNaN ? wanted.isNaN : ulps(got, Double(wanted)) <= 2 && got.sign == wanted.sign
      #expect(isAlike, "\(function) of \(x) is \(got), not \(wanted)")
      let (wide, double) = (function.ofLibrary(Double(x)), function.value(Double(x)))
      #expect(double.isNaN ? wide.isNaN : ulps(double, wide) <= 3 && double.sign == wide.sign)
    }
  }

  @Test("Every instruction set gives the same bits, at any length and address", arguments: ElementaryFunction.allCases)
  func bits(_ function: ElementaryFunction) {
    var numbers = SeededNumbers(3)
    let patterns = (0..<20_000).map { _ in UInt32(truncatingIfNeeded: numbers.next()) }
    let usual = (0..<10_000).map { _ in Float.random(in: -20...20, using: &numbers) }
    let input = GuardedBuffer(patterns.map { Float(bitPattern: $0) } + usual)
    let wide = (0..<5000).map { _ in Double(bitPattern: numbers.next()) } + usual.map { Double($0) * 1.1 }
    let wanted = bits(function, input, by: .plain)
    let wantedWide = bits(function, wide, by: .plain)
    for instructions in InstructionSet.available where instructions != .plain {
      #expect(bits(function, input, by: instructions) == wanted, "\(function) by \(instructions)")
      #expect(bits(function, wide, by: instructions) == wantedWide, "\(function) of float64 by \(instructions)")
      for count in 0...67 {
        let result = GuardedBuffer(count)
        let from = input.pointer + 20_000 + count
        function.apply(from, into: result.pointer, count: count, by: instructions)
        let part = result.values.map(\.bitPattern)
        #expect(part[...] == wanted[(20_000 + count)..<(20_000 + 2 * count)] && result.guardsAreIntact, "\(count)")
      }
    }
  }

  @Test("In place", arguments: ElementaryFunction.allCases)
  func inPlace(_ function: ElementaryFunction) {
    var numbers = SeededNumbers(4)
    let (input, memory) = (numbers.floats(1001), GuardedBuffer(1001))
    function.apply(input.pointer, into: memory.pointer, count: 1001)
    function.apply(input.pointer, into: input.pointer, count: 1001)
    #expect(input.values.map(\.bitPattern) == memory.values.map(\.bitPattern) && input.guardsAreIntact)
  }

  @Test("The native backend's activations are these", arguments: Activation.allCases)
  func activations(_ activation: Activation) throws {
    var numbers = SeededNumbers(5)
    let input = numbers.floats(100_000, in: -10...10)
    let (result, wanted) = (GuardedBuffer(input.count), GuardedBuffer(input.count))
    try Native().apply(activation, input.pointer, into: result.pointer, count: input.count)
    try Reference().apply(activation, input.pointer, into: wanted.pointer, count: input.count)
    expectNear(result, wanted, tolerance: 2e-7, "\(activation)")
    let function = try #require(ElementaryFunction(rawValue: "\(activation)"))
    function.apply(input.pointer, into: wanted.pointer, count: input.count, by: .plain)
    #expect(result.values == wanted.values)
  }

  private func bits(
    _ function: ElementaryFunction, _ input: GuardedBuffer, by instructions: InstructionSet
  ) -> [UInt32] {
    let result = GuardedBuffer(input.count)
    function.apply(input.pointer, into: result.pointer, count: input.count, by: instructions)
    return result.values.map { $0.isNaN ? Float.nan.bitPattern : $0.bitPattern }
  }

  private func bits(_ function: ElementaryFunction, _ input: [Double], by instructions: InstructionSet) -> [UInt64] {
    var result = input
    function.apply(input, into: &result, count: input.count, by: instructions)
    return result.map { $0.isNaN ? Double.nan.bitPattern : $0.bitPattern }
  }
}

@Suite("Powers")
struct PowerTests {
  static let extremes: [Double] = [
    0, -0.0, 1, -1, 2, -2, 3, -3, 0.5, -0.5, 1.5, .infinity, -.infinity, .nan, 1e300, -1e300, 0x1p53, -0x1p53 - 2,
    .leastNonzeroMagnitude, -.leastNonzeroMagnitude, 1 - 0x1p-53, 1 + 0x1p-52, 0x1p53 - 1, 0x1p52 - 0.5, 127, -149,
  ]

  @Test("Special cases are C's", arguments: PowerTests.extremes)
  func special(base: Double) {
    for exponent in Self.extremes {
      let (got, wanted) = (Power.value(base, exponent), Glibc.pow(base, exponent))
      let isAlike = ulps(got, wanted) <= 1.3 && (wanted.isNaN || got.sign == wanted.sign)
      #expect(isAlike, "\(base) to \(exponent): \(got), not \(wanted)")
      let (x, y) = (Float(base), Float(exponent))
      let (small, exact) = (power(x, y), Float(Glibc.pow(Double(x), Double(y))))
      #expect(small.isNaN ? exact.isNaN : small.bitPattern == exact.bitPattern, "\(x) to \(y): \(small), not \(exact)")
    }
  }

  @Test("Near the truth, the same on every instruction set")
  func accuracy() {
    var numbers = SeededNumbers(6)
    let count = 10_001
    let base = (0..<count).map { _ in Float(Glibc.exp(Double.random(in: -8...8, using: &numbers))) }
    let exponent = (0..<count).map { $0 % 3 == 0 ? Float($0 % 11 - 5) : Float.random(in: -12...12, using: &numbers) }
    let (wideBase, wideExponent) = (base.map { Double($0) * 1.000001 }, exponent.map { Double($0) * 3 })
    for instructions in InstructionSet.available {
      var (result, wide) = (base, wideBase)
      Power.apply(base, exponent, into: &result, count: count, by: instructions)
      Power.apply(wideBase, wideExponent, into: &wide, count: count, by: instructions)
      let wrong = (0..<count).first { i in
        ulps(result[i], Glibc.pow(Double(base[i]), Double(exponent[i]))) > 0.501
          || ulps(wide[i], Glibc.pow(wideBase[i], wideExponent[i])) > 1.3
          || wide[i].bitPattern != Power.value(wideBase[i], wideExponent[i]).bitPattern
      }
      #expect(wrong == nil, "by \(instructions)")
    }
  }

  @Test("Whole powers as Adam and schedules take them")
  func wholeExponents() {
    for base in [0.1, 0.5, 0.9, 0.999, 10] {
      #expect(Power.value(base, 0) == 1 && Power.value(base, 1) == base && Power.value(base, 2) == base * base)
    }
  }

  private func power(_ base: Float, _ exponent: Float) -> Float {
    var result = base
    withUnsafePointer(to: base) { base in
      withUnsafePointer(to: exponent) { Power.apply(base, $0, into: &result, count: 1) }
    }
    return result
  }
}

extension ElementaryFunction {
  /// What the C library says.
  fileprivate func ofLibrary(_ x: Double) -> Double {
    switch self {
    case .exp: Glibc.exp(x)
    case .log: Glibc.log(x)
    case .tanh: Glibc.tanh(x)
    case .sigmoid: x < 0 ? Glibc.exp(x) / (1 + Glibc.exp(x)) : 1 / (1 + Glibc.exp(-x))
    case .sin: Glibc.sin(x)
    case .cos: Glibc.cos(x)
    case .erf: Glibc.erf(x)
    }
  }

  fileprivate func single(_ x: Float) -> Float {
    var result = x
    withUnsafePointer(to: x) { apply($0, into: &result, count: 1) }
    return result
  }
}

/// How many of its units in the last place a number is from what it should be.
private func ulps(_ got: Float, _ wanted: Double) -> Double {
  let nearest = Float(wanted)
  if nearest.isNaN || nearest.isInfinite { return got == nearest || got.isNaN && nearest.isNaN ? 0 : .infinity }
  return got.isFinite ? abs(Double(got) - wanted) / Double(nearest.ulp) : .infinity
}

private func ulps(_ got: Double, _ wanted: Double) -> Double {
  if wanted.isNaN || wanted.isInfinite { return got == wanted || got.isNaN && wanted.isNaN ? 0 : .infinity }
  return got.isFinite ? abs(got - wanted) / wanted.ulp : .infinity
}
