/// Walks an index space whose operands lie in memory with strides of their own.
///
/// Axes that lie evenly behind each other in every operand are merged first, so that whole arrays of equal layout become
/// one long inner loop, which the compiler vectorises.
public struct StridedLoop: Sendable {
  /// Extents and, per operand, strides; the last axis is the inner loop.
  public let extents: [Int]
  /// By operand and axis, in elements.
  public let strides: [[Int]]

  /// Merges the axes of an index space. Each operand has a stride per axis, 0 where an element repeats.
  public init(extents: [Int], strides operands: [[Int]]) {
    var merged: [Int] = []
    var steps = [[Int]](repeating: [], count: operands.count)
    for axis in extents.indices where extents[axis] != 1 {
      let joins =
        merged.last != nil
        && steps.indices.allSatisfy { operand in
          steps[operand][merged.count - 1] == operands[operand][axis] * extents[axis]
        }
      if joins {
        merged[merged.count - 1] *= extents[axis]
        for operand in steps.indices { steps[operand][merged.count - 1] = operands[operand][axis] }
      } else {
        merged.append(extents[axis])
        for operand in steps.indices { steps[operand].append(operands[operand][axis]) }
      }
    }
    if merged.isEmpty {
      merged = [1]
      for operand in steps.indices { steps[operand] = [1] }
    }
    self.extents = merged
    self.strides = steps
  }

  /// Of axes that are merged.
  init(merged extents: [Int], strides: [[Int]]) { (self.extents, self.strides) = (extents, strides) }

  /// Elements of one inner loop.
  public var innerCount: Int { extents[extents.count - 1] }
  /// An operand's elements from one step of the inner loop to the next.
  public func innerStride(_ operand: Int) -> Int { strides[operand][extents.count - 1] }

  /// A walk over the starts of the inner loops, in row-major order.
  @inlinable
  public func rows() -> Rows { Rows(self) }

  /// An explicit iterator rather than a closure, so that the inner loops' operations are inlined.
  public struct Rows {
    /// Each operand's offset at the start of the present inner loop.
    public private(set) var offsets: [Int]
    private let loop: StridedLoop
    private var index: [Int]
    private var isBeforeFirst = true

    /// Before the first inner loop: `next()` moves to it.
    public init(_ loop: StridedLoop) {
      self.loop = loop
      offsets = [Int](repeating: 0, count: loop.strides.count)
      index = [Int](repeating: 0, count: loop.extents.count - 1)
    }

    /// Moves on; false at the end.
    public mutating func next() -> Bool {
      if isBeforeFirst {
        isBeforeFirst = false
        return !loop.extents.contains(0)
      }
      for axis in index.indices.reversed() {
        index[axis] += 1
        for operand in offsets.indices { offsets[operand] += loop.strides[operand][axis] }
        if index[axis] < loop.extents[axis] { return true }
        for operand in offsets.indices { offsets[operand] -= loop.strides[operand][axis] * loop.extents[axis] }
        index[axis] = 0
      }
      return false
    }
  }
}

/// Element by element loops, specialised by the compiler for each operation and type.
public enum Loops {
  /// `result[i] = operation(input[i])`, `result` without gaps in row-major order of `extents`.
  @inlinable @inline(__always)
  public static func map<A, R>(
    extents: [Int], _ input: UnsafePointer<A>, _ strides: [Int], into result: UnsafeMutablePointer<R>,
    _ operation: (A) -> R
  ) {
    let loop = StridedLoop(extents: extents, strides: [strides])
    let (count, stride) = (loop.innerCount, loop.innerStride(0))
    var target = result
    var rows = loop.rows()
    while rows.next() {
      let source = input + rows.offsets[0]
      if stride == 1 {
        for i in 0..<count { target[i] = operation(source[i]) }
      } else {
        for i in 0..<count { target[i] = operation(source[i * stride]) }
      }
      target += count
    }
  }

  /// `result[i] = operation(left[i], right[i])`; a stride of 0 repeats an element.
  @inlinable @inline(__always)
  public static func combine<A, B, R>(
    extents: [Int], _ left: UnsafePointer<A>, _ leftStrides: [Int], _ right: UnsafePointer<B>, _ rightStrides: [Int],
    into result: UnsafeMutablePointer<R>, _ operation: (A, B) -> R
  ) {
    let loop = StridedLoop(extents: extents, strides: [leftStrides, rightStrides])
    let (count, a, b) = (loop.innerCount, loop.innerStride(0), loop.innerStride(1))
    var target = result
    var rows = loop.rows()
    while rows.next() {
      let (first, second) = (left + rows.offsets[0], right + rows.offsets[1])
      switch (a, b) {
      case (1, 1): for i in 0..<count { target[i] = operation(first[i], second[i]) }
      case (1, 0):
        let repeated = second[0]
        for i in 0..<count { target[i] = operation(first[i], repeated) }
      case (0, 1):
        let repeated = first[0]
        for i in 0..<count { target[i] = operation(repeated, second[i]) }
      default: for i in 0..<count { target[i] = operation(first[i * a], second[i * b]) }
      }
      target += count
    }
  }

  /// Folds the middle axis of `input` `[outer, count, inner]` (without gaps) to `result` `[outer, inner]`.
  @inlinable @inline(__always)
  public static func reduce<A, R>(
    outer: Int, count: Int, inner: Int, _ input: UnsafePointer<A>, into result: UnsafeMutablePointer<R>, initial: R,
    _ operation: (R, A) -> R
  ) {
    if inner == 0 { return }
    for block in 0..<outer {
      let target = result + block * inner
      target.update(repeating: initial, count: inner)
      var source = input + block * count * inner
      for _ in 0..<count {
        for i in 0..<inner { target[i] = operation(target[i], source[i]) }
        source += inner
      }
    }
  }
}
