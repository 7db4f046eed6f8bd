import CVectors

/// Matrix products in half precision: both factors are rounded to bf16 where they are packed, sums are float32.
extension Native {
  private var halfKernels: native_half_kernels { instructions.halfKernels.pointee }

  /// The right factor in panels of pairs.
  func packedHalves<Outcome>(
    _ operand: MatrixOperand, _ inner: Int, _ columns: Int, _ body: (ConstantFloats) throws -> Outcome
  ) rethrows -> Outcome {
    let (kernels, pairs) = (halfKernels, (inner + 1) / 2)
    let count = (columns + kernels.columns - 1) / kernels.columns * kernels.columns * pairs
    let form = PackedWeights.Form(
      instructions: instructions, kind: operand.isTransposed ? .turnedFactor : .factor,
      extents: [Int(bitPattern: operand.data), operand.rowStride, inner, columns], isHalf: true)
    return try withForm(form, operand.packed, count: count, body) { panels in
      let parts = KernelThreads.parts(ofWork: 8, inner, columns)
      KernelThreads.share(columns, inParts: parts, multiplesOf: kernels.columns) {
        kernels.pack(inner, $0.count, operand.matrix(column: $0.lowerBound), panels + $0.lowerBound * pairs)
      }
    }
  }

  /// The product with a factor in panels of pairs.
  func multiplyHalves(
    rows: Int, _ left: MatrixOperand, _ factor: MatrixFactor, into result: Floats, accumulating: Bool
  ) {
    let (kernels, inner, columns) = (halfKernels, factor.inner, factor.columns)
    let (pairs, goesOn) = ((inner + 1) / 2, accumulating ? 1 : 0 as Int32)
    let parts = KernelThreads.parts(ofWork: rows, columns, inner)
    let panels = native_panels(
      data: factor.operand.data, panel_step: kernels.columns * pairs, row_step: kernels.columns)
    // Each part rounds its own rows.
    if rows >= 32 * parts {
      return KernelThreads.share(rows, inParts: parts, multiplesOf: 8) { range in
        withPairs(of: left, rows: range, inner) {
          kernels.multiply(
            range.count, columns, pairs, $0, panels, result + range.lowerBound * columns, columns, goesOn)
        }
      }
    }
    withPairs(of: left, rows: 0..<rows, inner) { left in
      KernelThreads.share(columns, inParts: parts, multiplesOf: kernels.columns) { range in
        var some = panels
        some.data += range.lowerBound / kernels.columns * panels.panel_step
        kernels.multiply(rows, range.count, pairs, left, some, result + range.lowerBound, columns, goesOn)
      }
    }
  }

  private func withPairs(
    of left: MatrixOperand, rows: Range<Int>, _ inner: Int, _ body: (native_matrix) -> Void
  ) {
    let (kernels, pairs) = (halfKernels, (inner + 1) / 2)
    let whole = (rows.count + kernels.width - 1) / kernels.width * kernels.width
    ScratchMemory.floats(pairs * whole) { scratch in
      kernels.pair_left(rows.count, inner, left.matrix(row: rows.lowerBound), scratch)
      // A turned row lies as a row does.
      let (rowStep, columnStep) = left.isTransposed && left.rowStride != 1 ? (1, whole) : (pairs, 1)
      body(native_matrix(data: scratch, row_step: rowStep, column_step: columnStep))
    }
  }
}
