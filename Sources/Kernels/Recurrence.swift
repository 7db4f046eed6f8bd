/// The recurrent half of a recurrent layer: what each step makes of the step before. The inputs' share of all steps,
/// `[steps, batch, gates · hidden]`, is one matrix product and made beforehand.
///
/// Everything lies in row-major order of `[steps, batch, …]`; gates are in PyTorch's order. Steps go from the last to the
/// first where `isReversed`.
public struct Recurrence: Sendable {
  public enum Cell: String, Sendable, CaseIterable {
    /// `h = tanh(a)`.
    case elman
    /// Gates r, z, n: `h = (1 - z) n + z h'` (Cho et al. 2014).
    case gru
    /// Gates i, f, g, o: `c = f c' + i g`, `h = o tanh c` (Hochreiter and Schmidhuber 1997).
    case lstm

    public var gateCount: Int {
      switch self {
      case .elman: 1
      case .gru: 3
      case .lstm: 4
      }
    }
  }

  public typealias Floats = UnsafeMutablePointer<Float>

  public let cell: Cell
  public let steps, batch, hidden: Int
  public let isReversed: Bool

  public init(_ cell: Cell, steps: Int, batch: Int, hidden: Int, isReversed: Bool) {
    (self.cell, self.steps, self.batch, self.hidden) = (cell, steps, batch, hidden)
    self.isReversed = isReversed
  }

  /// Elements of one step's state, and of one step's gates.
  var stateCount: Int { batch * hidden }
  var gatesCount: Int { cell.gateCount * stateCount }
  var gateWidth: Int { cell.gateCount * hidden }

  /// How many elements `memory` needs: what backward reads again.
  public var memoryCount: Int {
    switch cell {
    case .elman: 0
    case .gru: 4 * steps * stateCount
    case .lstm: 6 * steps * stateCount
    }
  }

  /// The step of the data that is computed `index`-th.
  func step(_ index: Int) -> Int { isReversed ? steps - 1 - index : index }

  /// Weights and the state before the first step.
  public struct Inputs {
    /// `[gates · hidden, hidden]`.
    public let weight: UnsafePointer<Float>
    /// `[gates · hidden]`, added to the product with `weight`; nil where it is already in the inputs' share.
    public let bias: UnsafePointer<Float>?
    /// `[batch, hidden]`; nil for zeros.
    public let hidden, cell: UnsafePointer<Float>?

    public init(
      weight: UnsafePointer<Float>, bias: UnsafePointer<Float>?, hidden: UnsafePointer<Float>?,
      cell: UnsafePointer<Float>?
    ) {
      (self.weight, self.bias, self.hidden, self.cell) = (weight, bias, hidden, cell)
    }
  }

  /// Computes all steps.
  ///
  /// - Parameters:
  ///   - gates: the inputs' share with its bias; overwritten.
  ///   - outputs: `[steps, batch, hidden]`, the hidden states.
  ///   - cells: `[batch, hidden]`, an LSTM's last cell state.
  ///   - memory: `memoryCount` elements for backward.
  public func forward(_ inputs: Inputs, gates: Floats, outputs: Floats, cells: Floats?, memory: Floats) throws {
    try withTurnedWeight(inputs.weight) { weight in
      switch cell {
      case .elman: try elmanForward(inputs, weight, gates, outputs)
      case .gru: try gruForward(inputs, weight, gates, outputs, memory)
      case .lstm: try lstmForward(inputs, weight, gates, outputs, cells, memory)
      }
    }
  }

  /// Where backward writes; `[steps, batch, gates · hidden]` and `[batch, hidden]`.
  public struct Derivatives {
    /// Of the inputs' share.
    public let gates: Floats
    /// Of the products with the weight: a GRU's differ from `gates`, the others' are the same memory.
    public let products: Floats
    /// Of the state before the first step.
    public let hidden, cell: Floats

    public init(gates: Floats, products: Floats, hidden: Floats, cell: Floats) {
      (self.gates, self.products, self.hidden, self.cell) = (gates, products, hidden, cell)
    }
  }

  /// The derivatives, from those of the outputs and of an LSTM's last cell state.
  public func backward(
    _ inputs: Inputs, outputs: UnsafePointer<Float>, memory: UnsafePointer<Float>, ofOutputs: UnsafePointer<Float>,
    ofCell: UnsafePointer<Float>?, into result: Derivatives
  ) throws {
    result.hidden.update(repeating: 0, count: stateCount)
    if let ofCell {
      result.cell.update(from: ofCell, count: stateCount)
    } else {
      result.cell.update(repeating: 0, count: stateCount)
    }
    for index in (0..<steps).reversed() {
      let step = step(index)
      add(ofOutputs + step * stateCount, to: result.hidden)
      let before = previous(outputs, index, inputs.hidden)
      switch cell {
      case .elman: elmanBackward(step, outputs, result)
      case .gru: gruBackward(step, before, memory, result)
      case .lstm: lstmBackward(step, previousCell(memory, index, inputs.cell), memory, result)
      }
      // A GRU's hidden derivative goes on by itself, too.
      try MatrixProduct.multiply(
        rows: batch, columns: hidden, inner: gateWidth,
        .init(result.products + step * gatesCount, isTransposed: false, rowStride: gateWidth),
        .init(inputs.weight, isTransposed: false, rowStride: hidden), into: result.hidden, accumulating: cell == .gru)
    }
  }

  /// The derivative of the weight, `[gates · hidden, hidden]`: one product over all steps.
  public func weightDerivative(
    products: UnsafePointer<Float>, outputs: UnsafePointer<Float>, hidden first: UnsafePointer<Float>?,
    into result: Floats
  ) throws {
    let pairs = (steps - 1) * batch
    try MatrixProduct.multiply(
      rows: gateWidth, columns: hidden, inner: pairs,
      .init(products + (isReversed ? 0 : gatesCount), isTransposed: true, rowStride: gateWidth),
      .init(outputs + (isReversed ? stateCount : 0), isTransposed: false, rowStride: hidden), into: result)
    guard let first else { return }
    try MatrixProduct.multiply(
      rows: gateWidth, columns: hidden, inner: batch,
      .init(products + step(0) * gatesCount, isTransposed: true, rowStride: gateWidth),
      .init(first, isTransposed: false, rowStride: hidden), into: result, accumulating: true)
  }

  /// The hidden state that the `index`-th computed step started from; nil for zeros.
  func previous(
    _ outputs: UnsafePointer<Float>, _ index: Int, _ first: UnsafePointer<Float>?
  ) -> UnsafePointer<Float>? {
    index == 0 ? first : outputs + step(index - 1) * stateCount
  }

  typealias Factor = MatrixProduct.Operand<Float>

  /// Calls `body` with the weight's transpose. The kernel turns a transposed factor anew in each product, which with few
  /// rows takes a third of its time (16 × 1024 × 256: 115 µs against 76); a sequence turns it once.
  private func withTurnedWeight(_ weight: UnsafePointer<Float>, _ body: (Factor) throws -> Void) throws {
    if steps < 4 { return try body(.init(weight, isTransposed: true, rowStride: hidden)) }
    let turned = Floats.allocate(capacity: max(gateWidth * hidden, 1))
    defer { turned.deallocate() }
    try Transposition.apply(rows: gateWidth, columns: hidden, weight, into: turned)
    try body(.init(turned, isTransposed: false, rowStride: gateWidth))
  }

  /// `target += h' · weightᵀ`, or `= h' · weightᵀ` unless accumulating.
  func multiply(
    _ before: UnsafePointer<Float>?, _ weight: Factor, into target: Floats, accumulating: Bool
  ) throws {
    guard let before else {
      if !accumulating { target.update(repeating: 0, count: gatesCount) }
      return
    }
    try MatrixProduct.multiply(
      rows: batch, columns: gateWidth, inner: hidden, .init(before, isTransposed: false, rowStride: hidden),
      weight, into: target, accumulating: accumulating)
  }

  private func add(_ source: UnsafePointer<Float>, to target: Floats) {
    for i in 0..<stateCount { target[i] += source[i] }
  }
}

extension Recurrence {
  private func elmanForward(_ inputs: Inputs, _ weight: Factor, _ gates: Floats, _ outputs: Floats) throws {
    for index in 0..<steps {
      let step = step(index)
      let own = gates + step * gatesCount
      try multiply(previous(outputs, index, inputs.hidden), weight, into: own, accumulating: true)
      try Activation.tanh.apply(own, into: outputs + step * stateCount, count: stateCount)
    }
  }

  private func elmanBackward(_ step: Int, _ outputs: UnsafePointer<Float>, _ result: Derivatives) {
    let (h, d) = (outputs + step * stateCount, result.gates + step * gatesCount)
    for i in 0..<stateCount { d[i] = result.hidden[i] * (1 - h[i] * h[i]) }
  }
}
