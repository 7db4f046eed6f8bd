import CDNNL

/// Matrices with rows and columns exchanged.
enum Transposition {
  private struct Key: Hashable, Sendable {
    let rows, columns: Int
  }
  private static let cache = PrimitiveCache<Key, Primitive>()

  /// `result = matrixᵀ`, of a row-major `[rows, columns]` without gaps, into other memory.
  static func apply(
    rows: Int, columns: Int, _ matrix: UnsafePointer<Float>, into result: UnsafeMutablePointer<Float>
  ) throws {
    if rows == 0 || columns == 0 { return }
    let primitive = try cache.value(for: Key(rows: rows, columns: columns)) {
      let engine = try Engine.shared.get()
      let (source, target) = (
        try Layout([rows, columns], strides: [columns, 1]), try Layout([rows, columns], strides: [1, rows])
      )
      let primitive = try Primitive(
        lockstep_copy(&source.desc, &target.desc, engine.handle), "transposition of \(rows)×\(columns)")
      try primitive.argument(DNNL_ARG_FROM, source)
      try primitive.argument(DNNL_ARG_TO, target)
      return primitive
    }
    try primitive.run(UnsafeMutableRawPointer(mutating: matrix), result)
  }
}
