import Kernels

/// Products of a large matrix with a few rows or columns, as low-rank factors need them. All matrices lie row by row. The loops
/// state their order of additions, so that ranks come to the same bits on any processor.
enum FactorLoops {
  /// `columns[n, r] = matrix[n, m] · rows[r, m]ᵀ`.
  static func multiply(
    _ matrix: UnsafePointer<Float>, _ n: Int, _ m: Int, rows: UnsafePointer<Float>, _ r: Int,
    into columns: UnsafeMutablePointer<Float>
  ) {
    for i in 0..<n { for k in 0..<r { columns[i * r + k] = dot(matrix + i * m, rows + k * m, m) } }
  }

  /// `rows[r, m] = columns[n, r]ᵀ · matrix[n, m]`.
  static func multiplyTransposed(
    _ columns: UnsafePointer<Float>, _ matrix: UnsafePointer<Float>, _ n: Int, _ m: Int, _ r: Int,
    into rows: UnsafeMutablePointer<Float>
  ) {
    rows.update(repeating: 0, count: r * m)
    for i in 0..<n {
      for k in 0..<r { add(matrix + i * m, times: columns[i * r + k], to: rows + k * m, m) }
    }
  }

  /// `matrix[n, m] += factor · columns[n, r] · rows[r, m]`.
  static func addProduct(
    _ columns: UnsafePointer<Float>, _ rows: UnsafePointer<Float>, _ n: Int, _ m: Int, _ r: Int, times factor: Float,
    to matrix: UnsafeMutablePointer<Float>
  ) {
    for i in 0..<n {
      for k in 0..<r { add(rows + k * m, times: factor * columns[i * r + k], to: matrix + i * m, m) }
    }
  }

  /// Makes the columns of `[n, r]` orthogonal and of length 1, from the first to the last (modified Gram-Schmidt). A column that
  /// depends on those before it becomes zeros; their places are returned.
  static func orthogonalise(_ columns: UnsafeMutablePointer<Float>, _ n: Int, _ r: Int) -> [Int] {
    func dot(_ a: Int, _ b: Int) -> Double {
      (0..<n).reduce(0) { $0 + Double(columns[$1 * r + a]) * Double(columns[$1 * r + b]) }
    }
    return (0..<r).filter { column in
      let before = dot(column, column)
      for earlier in 0..<column {
        let share = Float(dot(earlier, column))
        for i in 0..<n { columns[i * r + column] -= share * columns[i * r + earlier] }
      }
      let square = dot(column, column)
      // What rounding left over of a column that was not there. A NaN is no such column: it stays one.
      let isGone = square <= before * 1e-10
      let factor = isGone ? 0 : Float(1 / square.squareRoot())
      for i in 0..<n { columns[i * r + column] = isGone ? 0 : columns[i * r + column] * factor }
      return isGone
    }
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
    return (whole..<count).reduce(sums.sum()) { $0 + a[$1] * b[$1] }
  }
}
