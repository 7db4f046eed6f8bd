// Sums of many numbers. A chain of float32 additions loses what is small beside its sum: 2²⁴ and 1 give 2²⁴. So numbers are
// added in short runs, and the runs' sums in float64: the error stays below 1e-6 of the sum of magnitudes, whatever the
// count. The order of the additions is a function of the extents alone.

/// Sums of rows.
public enum RowSum {
  /// Elements that are added before their sum goes to those in float64.
  @usableFromInline static var run: Int { 256 }

  /// `result[row] = Σ input[row, ·]`.
  @inlinable
  public static func sum<Scalar: BinaryFloatingPoint & SIMDScalar>(
    rows: Int, count: Int, _ input: UnsafePointer<Scalar>, into result: UnsafeMutablePointer<Scalar>
  ) {
    if count <= run {
      for row in 0..<rows { result[row] = partial(input + row * count, count) }
      return
    }
    for row in 0..<rows {
      let source = input + row * count
      var total = 0.0
      for start in stride(from: 0, to: count - run, by: run) { total += Double(partial(source + start, run)) }
      let rest = (count - 1) % run + 1
      result[row] = Scalar(total + Double(partial(source + (count - rest), rest)))
    }
  }

  /// The sum of a run: in 16 partial sums, that are added in a fixed tree.
  @inlinable @inline(__always)
  static func partial<Scalar: BinaryFloatingPoint & SIMDScalar>(
    _ source: UnsafePointer<Scalar>, _ count: Int
  ) -> Scalar {
    let whole = count & ~15
    var partial = SIMD16<Scalar>(repeating: 0)
    var i = 0
    while i < whole {
      partial += SIMD16(at: source + i)
      i += 16
    }
    let eight = partial.lowHalf + partial.highHalf
    let four = eight.lowHalf + eight.highHalf
    let two = four.lowHalf + four.highHalf
    var total = two.x + two.y
    while i < count {
      total += source[i]
      i += 1
    }
    return total
  }
}

/// Sums of columns: of the middle axis of `[outer, count, inner]`, row by row as the memory lies.
public enum ColumnSum {
  /// Rows that are added before their sums go to those in float64.
  @usableFromInline static var run: Int { 64 }
  /// Columns that are summed at once, so that their sums stay in the processor's nearest cache.
  @usableFromInline static var strip: Int { 8192 }
  /// Below so many columns several rows are taken as one, to fill vectors.
  @usableFromInline static var narrow: Int { 32 }

  /// `result[outer, inner] = Σ input[outer, ·, inner]`.
  @inlinable
  public static func sum<Scalar: BinaryFloatingPoint & SIMDScalar>(
    outer: Int, count: Int, inner: Int, _ input: UnsafePointer<Scalar>, into result: UnsafeMutablePointer<Scalar>
  ) {
    if inner == 0 { return }
    let joined = inner < narrow ? (63 + inner) / inner : 1
    for block in 0..<outer {
      let (source, target) = (input + block * count * inner, result + block * inner)
      if count <= run {
        add(rows: count, width: inner, source, stride: inner, into: target)
      } else {
        sum(rows: count, columns: inner, joined: joined, source, into: target)
      }
    }
  }

  /// Of many rows, of which `joined` are taken as one.
  @inlinable
  static func sum<Scalar: BinaryFloatingPoint & SIMDScalar>(
    rows: Int, columns: Int, joined: Int, _ source: UnsafePointer<Scalar>, into result: UnsafeMutablePointer<Scalar>
  ) {
    let (wide, width) = (rows / joined, columns * joined)
    withUnsafeTemporaryAllocation(of: Scalar.self, capacity: strip) { partial in
      withUnsafeTemporaryAllocation(of: Double.self, capacity: strip) { totals in
        guard let partial = partial.baseAddress, let totals = totals.baseAddress else { return }
        for first in stride(from: 0, to: width, by: strip) {
          let count = min(strip, width - first)
          totals.initialize(repeating: 0, count: count)
          for row in stride(from: 0, to: wide, by: run) {
            add(
              rows: min(run, wide - row), width: count, source + (row * width + first), stride: width, into: partial)
            for i in 0..<count { totals[i] += Double(partial[i]) }
          }
          if joined == 1 { for i in 0..<count { result[first + i] = Scalar(totals[i]) } }
        }
        if joined == 1 { return }
        // What was joined is one strip; rows that filled no joined one come last.
        for column in 0..<columns {
          var total = 0.0
          for copy in 0..<joined { total += totals[copy * columns + column] }
          for row in wide * joined..<rows { total += Double(source[row * columns + column]) }
          result[column] = Scalar(total)
        }
      }
    }
  }

  /// `target = Σ rows`, four rows at a time.
  @inlinable @inline(__always)
  static func add<Scalar: BinaryFloatingPoint & SIMDScalar>(
    rows: Int, width: Int, _ source: UnsafePointer<Scalar>, stride: Int, into target: UnsafeMutablePointer<Scalar>
  ) {
    target.initialize(repeating: 0, count: width)
    var row = 0
    while row + 4 <= rows {
      let a = source + row * stride
      let (b, c, d) = (a + stride, a + 2 * stride, a + 3 * stride)
      var i = 0
      while i + 8 <= width {
        let (left, right) = (SIMD8(at: a + i) + SIMD8(at: b + i), SIMD8(at: c + i) + SIMD8(at: d + i))
        (SIMD8(at: target + i) + (left + right)).store(at: target + i)
        i += 8
      }
      while i < width {
        target[i] += (a[i] + b[i]) + (c[i] + d[i])
        i += 1
      }
      row += 4
    }
    while row < rows {
      let a = source + row * stride
      for i in 0..<width { target[i] += a[i] }
      row += 1
    }
  }
}
