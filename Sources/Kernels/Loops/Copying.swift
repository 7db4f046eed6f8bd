extension Loops {
  /// `result[i] = input[i]`, each with strides of its own; best with the axes in the order in which `result` lies.
  @inlinable
  public static func copy<T>(
    extents: [Int], _ input: UnsafePointer<T>, _ strides: [Int], into result: UnsafeMutablePointer<T>,
    _ resultStrides: [Int]
  ) {
    let loop = StridedLoop(extents: extents, strides: [strides, resultStrides])
    let plane = CopiedPlane(innermostOf: loop)
    var places = loop.droppingPlane().rows()
    while places.next() { plane.copy(input + places.offsets[0], to: result + places.offsets[1]) }
  }
}

extension StridedLoop {
  /// The loop around the two innermost axes: with one more of one element, as a walk is over all axes but the last.
  @usableFromInline
  func droppingPlane() -> StridedLoop {
    let outer = Swift.max(extents.count - 2, 0)
    return StridedLoop(merged: extents.prefix(outer) + [1], strides: strides.map { $0.prefix(outer) + [0] })
  }
}

/// The two innermost axes of a loop, source and target: copied in one go, since what lies between two walks costs as much as some
/// dozen elements.
@usableFromInline
struct CopiedPlane {
  @usableFromInline let rows, count: Int
  /// From a row to the next, and within one.
  @usableFromInline let fromRow, toRow, fromStep, toStep: Int

  @usableFromInline
  init(innermostOf loop: StridedLoop) {
    let axis = loop.extents.count - 2
    rows = axis < 0 ? 1 : loop.extents[axis]
    (fromRow, toRow) = axis < 0 ? (0, 0) : (loop.strides[0][axis], loop.strides[1][axis])
    (count, fromStep, toStep) = (loop.innerCount, loop.innerStride(0), loop.innerStride(1))
  }

  @inlinable
  func copy<T>(_ source: UnsafePointer<T>, to target: UnsafeMutablePointer<T>) {
    if fromStep == 1 && toStep == 1 {
      for row in 0..<rows { (target + row * toRow).update(from: source + row * fromRow, count: count) }
      return
    }
    // Where both lie across each other, a few rows at a time use all of a cache's line on either side.
    let together = 8
    let whole = rows - rows % together
    for row in stride(from: 0, to: whole, by: together) {
      copy(together, source + row * fromRow, to: target + row * toRow)
    }
    copy(rows - whole, source + whole * fromRow, to: target + whole * toRow)
  }

  @inlinable @inline(__always)
  func copy<T>(_ rows: Int, _ source: UnsafePointer<T>, to target: UnsafeMutablePointer<T>) {
    var (from, to) = (source, target)
    for _ in 0..<count {
      for row in 0..<rows { to[row * toRow] = from[row * fromRow] }
      from += fromStep
      to += toStep
    }
  }
}
