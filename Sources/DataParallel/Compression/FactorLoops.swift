import Kernels

/// Products of a large matrix with a few rows or columns, as low-rank factors need them. All matrices lie row by row. The loops
/// state their order of additions, so that ranks come to the same bits on any processor.
///
/// They are not inlined: within a closure that may throw, Swift 6.3.1 leaves a counter in the register that says whether it did.
enum FactorLoops {
  /// `columns[n, r] = matrix[n, m] · rows[r, m]ᵀ`.
  @inline(never) static func multiply(
    _ matrix: UnsafePointer<Float>, _ n: Int, _ m: Int, rows: UnsafePointer<Float>, _ r: Int,
    into columns: UnsafeMutablePointer<Float>
  ) {
    for i in 0..<n { for k in 0..<r { columns[i * r + k] = dot(matrix + i * m, rows + k * m, m) } }
  }

  /// `rows[r, m] = columns[n, r]ᵀ · matrix[n, m]`.
  @inline(never) static func multiplyTransposed(
    _ columns: UnsafePointer<Float>, _ matrix: UnsafePointer<Float>, _ n: Int, _ m: Int, _ r: Int,
    into rows: UnsafeMutablePointer<Float>
  ) {
    rows.update(repeating: 0, count: r * m)
    for i in 0..<n {
      for k in 0..<r { add(matrix + i * m, times: columns[i * r + k], to: rows + k * m, m) }
    }
  }

  /// `matrix[n, m] += factor · columns[n, r] · rows[r, m]`.
  @inline(never) static func addProduct(
    _ columns: UnsafePointer<Float>, _ rows: UnsafePointer<Float>, _ n: Int, _ m: Int, _ r: Int, times factor: Float,
    to matrix: UnsafeMutablePointer<Float>
  ) {
    for i in 0..<n {
      for k in 0..<r { add(rows + k * m, times: factor * columns[i * r + k], to: matrix + i * m, m) }
    }
  }

  /// Makes the columns of `[n, r]` orthogonal and of length 1, from the first to the last (modified Gram-Schmidt). A column that
  /// depends on those before it becomes zeros; their places are returned.
  @inline(never) static func orthogonalise(_ columns: UnsafeMutablePointer<Float>, _ n: Int, _ r: Int) -> [Int] {
    var gone: [Int] = []
    for column in 0..<r {
      let before = dot(columns, column, column, n, r)
      for earlier in 0..<column {
        let share = Float(dot(columns, earlier, column, n, r))
        for i in 0..<n { columns[i * r + column] -= share * columns[i * r + earlier] }
      }
      let square = dot(columns, column, column, n, r)
      // What rounding left over of a column that was not there. A NaN is no such column: it stays one.
      let isGone = square <= before * 1e-10
      let factor = isGone ? 0 : Float(1 / square.squareRoot())
      for i in 0..<n { columns[i * r + column] = isGone ? 0 : columns[i * r + column] * factor }
      if isGone { gone.append(column) }
    }
    return gone
  }

  /// Of two columns.
  private static func dot(
    _ columns: UnsafeMutablePointer<Float>, _ a: Int, _ b: Int, _ n: Int, _ r: Int
  ) -> Double {
    var sum = 0.0
    for i in 0..<n { sum += Double(columns[i * r + a]) * Double(columns[i * r + b]) }
    return sum
  }

  @inline(__always) private static func add(
    _ source: UnsafePointer<Float>, times factor: Float, to target: UnsafeMutablePointer<Float>, _ count: Int
  ) {
    for i in 0..<count { target[i] += factor * source[i] }
  }

  /// In eight partial sums.
  private static func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Float {
    var sums = SIMD8<Float>.zero
    let whole = count & ~7
    for i in stride(from: 0, to: whole, by: 8) { sums += SIMD8(at: a + i) * SIMD8(at: b + i) }
    var sum = sums.sum()
    for i in whole..<count { sum += a[i] * b[i] }
    return sum
  }
}
