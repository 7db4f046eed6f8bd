import CVectors
import Testing

@testable import Kernels
@testable import TestSupport

/// Expects the same bits everywhere, of NaN that it is one, and the guards intact.
func expectSame(
  _ actual: GuardedBuffer, _ wanted: GuardedBuffer, _ what: @autoclosure () -> String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(actual.guardsAreIntact, "\(what()): written outside of the buffer", sourceLocation: sourceLocation)
  let wrong = (0..<actual.count).first { index in
    let (mine, theirs) = (actual.pointer[index], wanted.pointer[index])
    return mine.bitPattern != theirs.bitPattern && !(mine.isNaN && theirs.isNaN)
  }
  if let wrong {
    Issue.record(
      "\(what()): element \(wrong) of \(actual.count) is \(actual.pointer[wrong]), not \(wanted.pointer[wrong])",
      sourceLocation: sourceLocation)
  }
}

/// What the numbers of a test are.
enum Numbers: CaseIterable {
  /// Between -1 and 1.
  case usual
  /// So small that their products are denormal, or zero with a sign.
  case tiny
  /// Zeros of both signs and denormals among them, now and then an infinity or NaN.
  case odd
}

extension SeededNumbers {
  /// At an address of any alignment.
  mutating func floats(_ count: Int, _ kind: Numbers) -> GuardedBuffer {
    let buffer = space(count)
    for index in 0..<count { buffer.pointer[index] = number(kind) }
    return buffer
  }

  /// Memory for a result.
  mutating func space(_ count: Int) -> GuardedBuffer { GuardedBuffer(count, skew: int(0...15)) }

  private mutating func number(_ kind: Numbers) -> Float {
    let number = Float(Int32(truncatingIfNeeded: next())) * 0x1p-31
    switch kind {
    case .usual: return number
    case .tiny: return number * 0x1p-74
    case .odd:
      let choice = int(0...399)
      let odd: [Float] = [
        .infinity, -.infinity, .nan, .greatestFiniteMagnitude, .leastNonzeroMagnitude, -.leastNonzeroMagnitude,
        -.leastNormalMagnitude, 0x1.8p-140,
      ]
      return choice < odd.count ? odd[choice] : choice < 50 ? 0 : choice < 100 ? -0.0 : number
    }
  }

  /// Often few, seldom many.
  mutating func few(_ most: Int) -> Int { int(0...2) == 0 ? int(1...most) : int(1...int(1...most)) }
}

extension InstructionSet {
  /// Its kernels in C.
  var table: native_kernels { kernels.pointee }
}
