import CVectors

/// Kernels that define their bits: one answer on any processor and any number of threads. In C (`CVectors/Native`), one
/// source for all instruction sets; the article "One answer on every processor" states the order of their operations.
public struct Native: Backend {
  let instructions: InstructionSet
  let convolution: ConvolutionMethod
  public let precision: Precision
  /// Whether all convolutions that can be are computed by Winograd, whatever the rule says.
  let forcesWinograd: Bool

  /// By the options' convolution method; an instruction set is named by tests alone.
  public init(_ options: KernelOptions = KernelOptions(), _ instructions: InstructionSet? = nil) {
    self.init(options, instructions, forcesWinograd: false)
  }

  init(_ options: KernelOptions, _ instructions: InstructionSet? = nil, forcesWinograd: Bool) {
    self.instructions = instructions ?? .inUse
    (convolution, precision, self.forcesWinograd) = (options.convolution, options.precision, forcesWinograd)
  }

  var kernels: native_kernels { instructions.kernels.pointee }

  public var halves: HalfKernels? { precision == .bf16 ? HalfKernels(self) : nil }

  /// Elements of weights from which on they lie in no cache: to copy them would take longer than to read them as they lie.
  private static let largeWeights = 1 << 20

  /// Whether a factor is worth being packed for one use: the wider its rows, the more the lines of a panel that is read as it lies
  /// drive each other out of the caches; the more rows the left factor has, the less packing counts. The gradient of an LSTM's
  /// weights (256 × 1,120 × 1,024) takes a quarter less time with panels.
  private static func isWorthPacking(_ inner: Int, _ columns: Int, rows: Int) -> Bool {
    let isLong = rows >= 128 && columns >= 128 && Double(rows) * Double(columns) >= 0x1p17
    return isLong && Double(inner) * Double(columns) <= 0x1p22
  }

  public func multiply(
    rows: Int, columns: Int, inner: Int, _ left: MatrixOperand, _ right: MatrixOperand, into result: Floats,
    accumulating: Bool
  ) throws {
    let factor = MatrixFactor(right, inner: inner, columns: columns)
    let isLarge = inner.multipliedReportingOverflow(by: columns).partialValue >= Self.largeWeights
    let isWorthIt = right.packed == nil ? Self.isWorthPacking(inner, columns, rows: rows) : !isLarge
    // One row is a text's next token, for which the same weights come again and again: panels are worth it.
    if right.isTransposed, isLarge, rows <= kernels.columns, rows > 1 || right.packed == nil {
      multiplyTurned(rows, columns, inner, left, right, into: result, accumulating)
    } else if right.isTransposed || isWorthIt || precision == .bf16 {
      withFactor(factor, uses: 1) { multiply(rows: rows, left, $0, into: result, accumulating: accumulating) }
    } else {
      multiply(rows: rows, left, factor, into: result, accumulating: accumulating)
    }
  }

  /// Packs the factor in panels as wide as a kernel's tile; weights once for as long as they don't change.
  public func withFactor<Outcome>(
    _ factor: MatrixFactor, uses: Int, _ body: (MatrixFactor) throws -> Outcome
  ) rethrows -> Outcome {
    let (operand, inner, columns) = (factor.operand, factor.inner, factor.columns)
    if factor.isPacked { return try body(factor) }
    if precision == .bf16 {
      return try packedHalves(operand, inner, columns) {
        try body(MatrixFactor(packed: $0, inner: inner, columns: columns))
      }
    }
    let count = native_packed_count(instructions.kernels, inner, columns)
    let form = PackedWeights.Form(
      instructions: instructions, kind: operand.isTransposed ? .turnedFactor : .factor,
      extents: [Int(bitPattern: operand.data), operand.rowStride, inner, columns])
    return try withForm(form, operand.packed, count: count) { panels in
      try body(MatrixFactor(packed: panels, inner: inner, columns: columns))
    } make: { panels in
      pack(operand, inner, columns, into: panels)
    }
  }

  /// Calls `body` with the floats that `make` makes of weights; kept where there is a place for them.
  func withForm<Outcome>(
    _ form: PackedWeights.Form, _ packed: PackedWeights?, count: Int, _ body: (ConstantFloats) throws -> Outcome,
    make: (Floats) -> Void
  ) rethrows -> Outcome {
    func makeMetered(_ floats: Floats) { KernelMeters.within(.packing) { make(floats) } }
    if let packed { return try packed.with(form, count: count, make: makeMetered, body) }
    return try ScratchMemory.floats(count) { floats in
      makeMetered(floats)
      return try body(floats)
    }
  }

  private func pack(_ operand: MatrixOperand, _ inner: Int, _ columns: Int, into panels: Floats) {
    let (kernels, width) = (kernels, kernels.columns)
    KernelThreads.share(columns, inParts: KernelThreads.parts(ofWork: 8, inner, columns), multiplesOf: width) {
      range in
      kernels.pack(inner, range.count, operand.matrix(column: range.lowerBound), panels + range.lowerBound * inner)
    }
  }

  public func multiply(
    rows: Int, _ left: MatrixOperand, _ factor: MatrixFactor, into result: Floats, accumulating: Bool
  ) {
    let (inner, columns) = (factor.inner, factor.columns)
    let width = kernels.columns
    if precision == .bf16 {
      return withFactor(factor, uses: 1) {
        multiplyHalves(rows: rows, left, $0, into: result, accumulating: accumulating)
      }
    }
    if factor.isPacked {
      let panels = native_panels(data: factor.operand.data, panel_step: width * inner, row_step: width)
      return multiply(rows, columns, inner, left, panels, result, stride: columns, accumulating)
    }
    // As it lies, but for columns behind the last whole vector.
    let whole = columns / kernels.width * kernels.width
    let panels = native_panels(data: factor.operand.data, panel_step: width, row_step: factor.operand.rowStride)
    if whole > 0 { multiply(rows, whole, inner, left, panels, result, stride: columns, accumulating) }
    if whole == columns { return }
    ScratchMemory.floats(width * inner) { panel in
      kernels.pack(inner, columns - whole, factor.operand.matrix(column: whole), panel)
      let panels = native_panels(data: panel, panel_step: width * inner, row_step: width)
      multiply(rows, columns - whole, inner, left, panels, result + whole, stride: columns, accumulating)
    }
  }

  private func multiply(
    _ rows: Int, _ columns: Int, _ inner: Int, _ left: MatrixOperand, _ right: native_panels, _ result: Floats,
    stride: Int, _ accumulating: Bool
  ) {
    let (kernels, goesOn) = (kernels, accumulating ? 1 : 0 as Int32)
    let parts = KernelThreads.parts(ofWork: rows, columns, inner)
    // Many rows are shared out more evenly than few panels.
    if rows >= 32 * parts {
      KernelThreads.share(rows, inParts: parts, multiplesOf: 8) { range in
        kernels.multiply(
          range.count, columns, inner, left.matrix(row: range.lowerBound), right, result + range.lowerBound * stride,
          stride, goesOn)
      }
    } else {
      KernelThreads.share(columns, inParts: parts, multiplesOf: kernels.columns) { range in
        var panels = right
        panels.data += range.lowerBound / kernels.columns * right.panel_step
        kernels.multiply(
          rows, range.count, inner, left.matrix(row: 0), panels, result + range.lowerBound, stride, goesOn)
      }
    }
  }

  /// The same chains by `resultᵀ = rightᵀ · leftᵀ`: large weights of which a few rows are multiplied would take longer to pack
  /// than to use. They are the left factor here, which is read as it lies, once.
  private func multiplyTurned(
    _ rows: Int, _ columns: Int, _ inner: Int, _ left: MatrixOperand, _ right: MatrixOperand, into result: Floats,
    _ accumulating: Bool
  ) {
    let (kernels, goesOn) = (kernels, accumulating ? 1 : 0 as Int32)
    let turnedLeft = MatrixOperand(left.data, isTransposed: !left.isTransposed, rowStride: left.rowStride)
    let weights = MatrixOperand(right.data, isTransposed: false, rowStride: right.rowStride)
    let room = native_packed_count(instructions.kernels, inner, rows)
    ScratchMemory.floats(room + columns * rows) { panels in
      kernels.pack(inner, rows, turnedLeft.matrix(), panels)
      let packed = native_panels(data: panels, panel_step: kernels.columns * inner, row_step: kernels.columns)
      KernelThreads.share(columns, inParts: KernelThreads.parts(ofWork: rows, columns, inner), multiplesOf: 16) {
        range in
        let turned = panels + room + range.lowerBound * rows
        let target = result + range.lowerBound
        if accumulating { turn(rows, range.count, target, stride: columns, into: turned, stride: rows) }
        kernels.multiply(
          range.count, rows, inner, weights.matrix(row: range.lowerBound), packed, turned, rows, goesOn)
        turn(range.count, rows, turned, stride: rows, into: target, stride: columns)
      }
    }
  }

  public func transpose(rows: Int, columns: Int, _ matrix: ConstantFloats, into result: Floats) throws {
    turn(rows, columns, matrix, stride: columns, into: result, stride: rows)
  }
}

extension MatrixOperand {
  /// This factor from a row, or from a column, on.
  func matrix(row: Int = 0, column: Int = 0) -> native_matrix {
    let (rowStep, columnStep) = isTransposed ? (1, rowStride) : (rowStride, 1)
    return native_matrix(data: data + row * rowStep + column * columnStep, row_step: rowStep, column_step: columnStep)
  }
}
