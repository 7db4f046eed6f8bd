// What literals become, and other ways to write the same.

extension Tensor {
  /// float32: what literals with a fraction are.
  public convenience init(_ elements: [Float]) { self.init(elements, shape: [elements.count]) }
  /// int64: what whole literals are.
  public convenience init(_ elements: [Int]) { self.init(elements.map(Int64.init), shape: [elements.count]) }
  /// int64, row by row.
  public convenience init(_ elements: [Int], shape: Shape) { self.init(elements.map(Int64.init), shape: shape) }
  /// A float32 scalar, of shape `[]`.
  public convenience init(_ value: Float) { self.init([value], shape: []) }
  /// An int64 scalar, of shape `[]`.
  public convenience init(_ value: Int) { self.init([Int64(value)], shape: []) }

  /// float32, from the rows of a matrix.
  public convenience init(_ rows: [[Float]]) { self.init(rows: rows) }
  /// int64, from the rows of a matrix.
  public convenience init(_ rows: [[Int]]) { self.init(rows: rows.map { $0.map(Int64.init) }) }

  /// The same number everywhere.
  public static func full(_ shape: Shape, _ value: Double, dtype: DType) -> Tensor { full(shape, value, dtype) }
  /// Of 0.
  public static func zeros(_ shape: Shape, dtype: DType) -> Tensor { zeros(shape, dtype) }
  /// Of 1.
  public static func ones(_ shape: Shape, dtype: DType) -> Tensor { ones(shape, dtype) }
  /// 1 on the diagonal, 0 elsewhere: `[size, size]`.
  public static func identity(_ size: Int, dtype: DType) -> Tensor { identity(size, dtype) }
  /// 0, 1, … up to `end`, without it.
  public static func arange(_ end: Int, dtype: DType) -> Tensor { arange(end, dtype) }
  /// From `start` on in steps, as long as it is below `end`.
  public static func arange(_ start: Double, _ end: Double, by step: Double = 1, dtype: DType) -> Tensor {
    arange(start, end, by: step, dtype)
  }

  /// Evenly in `0..<1`: `uniform`.
  public static func rand(_ extents: Int...) -> Tensor { uniform(Shape(extents)) }
  /// Of the standard normal distribution: `normal`.
  public static func randn(_ extents: Int...) -> Tensor { normal(Shape(extents)) }
  /// Whole numbers evenly in `low..<high`: `integers`.
  public static func randint(_ low: Int, _ high: Int, _ shape: Shape) -> Tensor { integers(shape, low, high) }
  /// 0, 1, … below `count` in random order: `permutation`.
  public static func randperm(_ count: Int) -> Tensor { permutation(count) }
}
