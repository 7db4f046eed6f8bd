import Kernels
import Testing

@testable import TestSupport

/// Floats between two guard zones of NaN: a kernel that writes outside changes a zone, one that reads outside gets NaN.
final class GuardedBuffer {
  private static let guardCount = 64
  private static let sentinel = Float(bitPattern: 0x7FC0_DEAD)

  let count: Int
  private let memory: UnsafeMutablePointer<Float>
  private let before: Int

  /// Filled with NaN, so that what a kernel leaves unwritten shows; `skew` floats behind a multiple of 64 bytes.
  init(_ count: Int, skew: Int = 0) {
    self.count = count
    before = Self.guardCount + skew
    let total = before + count + Self.guardCount
    let raw = UnsafeMutableRawPointer.allocate(byteCount: total * 4, alignment: 64)
    memory = raw.bindMemory(to: Float.self, capacity: total)
    memory.initialize(repeating: Self.sentinel, count: total)
  }

  convenience init(_ values: [Float], skew: Int = 0) {
    self.init(values.count, skew: skew)
    for (index, value) in values.enumerated() { pointer[index] = value }
  }

  deinit { memory.deallocate() }

  var pointer: UnsafeMutablePointer<Float> { memory + before }
  var values: [Float] { [Float](UnsafeBufferPointer(start: pointer, count: count)) }

  var guardsAreIntact: Bool {
    let places = Array(0..<before) + (before + count..<before + count + Self.guardCount)
    return places.allSatisfy { memory[$0].bitPattern == Self.sentinel.bitPattern }
  }
}

/// Expects `actual` to be near `expected` everywhere, relative to the larger of 1 and the value, and its guards intact.
func expectNear(
  _ actual: GuardedBuffer, _ expected: GuardedBuffer, tolerance: Float, _ what: @autoclosure () -> String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(actual.guardsAreIntact, "\(what()): written outside of the buffer", sourceLocation: sourceLocation)
  let wrong = (0..<actual.count).first { index in
    let (mine, theirs) = (actual.pointer[index], expected.pointer[index])
    if mine.isNaN && theirs.isNaN { return false }
    return mine != theirs && !(abs(mine - theirs) <= tolerance * max(1, abs(theirs)))
  }
  if let wrong {
    Issue.record(
      "\(what()): element \(wrong) is \(actual.pointer[wrong]), not \(expected.pointer[wrong])",
      sourceLocation: sourceLocation)
  }
}

extension BackendName {
  /// What is held against the reference.
  static let fast = allCases.filter { $0 != .reference }
  /// Its kernels with the standard options.
  var kernels: any Backend { KernelOptions(backend: self).kernels }
}

extension SeededNumbers {
  mutating func floats(_ count: Int, in range: ClosedRange<Float> = -1...1) -> GuardedBuffer {
    GuardedBuffer((0..<count).map { _ in Float.random(in: range, using: &self) })
  }
}

extension SeededNumbers {
  mutating func images(_ extents: ImageExtents, _ layout: ImageLayout) -> GuardedBuffer {
    floats(extents.elementCount(.channelsLast)).arranged(extents, layout)
  }
}

extension GuardedBuffer {
  /// These channels-last images in another layout.
  func arranged(_ extents: ImageExtents, _ layout: ImageLayout) -> GuardedBuffer {
    if layout == .channelsLast { return self }
    let result = GuardedBuffer(extents.elementCount(layout))
    extents.block(pointer, into: result.pointer)
    return result
  }
}
