import Kernels

/// The parameters of one recurrent layer and direction, as PyTorch has them.
public struct RecurrentWeights {
  /// `[gates · hidden, inputs]` and `[gates · hidden, hidden]`.
  public let input, hidden: Tensor
  /// `[gates · hidden]` each.
  public let inputBias, hiddenBias: Tensor

  /// Of one layer in one direction.
  public init(input: Tensor, hidden: Tensor, inputBias: Tensor, hiddenBias: Tensor) {
    (self.input, self.hidden, self.inputBias, self.hiddenBias) = (input, hidden, inputBias, hiddenBias)
  }

  fileprivate var all: [Tensor] { [input, hidden, inputBias, hiddenBias] }
}

extension Tensor {
  /// A recurrent layer over a whole sequence: `[steps, batch, inputs]` to the hidden states `[steps, batch, hidden]` and an
  /// LSTM's last cell state `[batch, hidden]`. Integers `[steps, batch]` stand for one-hot inputs.
  ///
  /// Equations and the order of gates are PyTorch's (`RNN`, `GRU`, `LSTM`). One recorded operation: backward walks through
  /// time once and makes each weight's derivative in one product over all steps.
  ///
  /// - Parameters:
  ///   - cell: what a step makes of the step before.
  ///   - weights: of one layer in one direction.
  ///   - state: `[batch, hidden]` before the first step; nil for zeros.
  ///   - cellState: an LSTM's, of the same shape; nil for zeros.
  ///   - isReversed: from the last step to the first.
  public final func recurrent(
    _ cell: Recurrence.Cell, _ weights: RecurrentWeights, state: Tensor? = nil, cellState: Tensor? = nil,
    isReversed: Bool = false
  ) -> (outputs: Tensor, cell: Tensor?) {
    do {
      for tensor in [self] + weights.all + [state, cellState].compactMap({ $0 }) { try tensor.check() }
      return try recurrence(cell, weights, state, cellState, isReversed)
    } catch {
      let hidden = weights.hidden.shape.last ?? 1
      let (steps, batch) = (shape.first ?? 1, rank > 1 ? shape[1] : 1)
      return (
        Tensor(fault: error, [steps, batch, hidden], .float32),
        cell == .lstm ? Tensor(fault: error, [batch, hidden], .float32) : nil
      )
    }
  }

  private final func recurrence(
    _ cell: Recurrence.Cell, _ weights: RecurrentWeights, _ state: Tensor?, _ cellState: Tensor?, _ isReversed: Bool
  ) throws -> (outputs: Tensor, cell: Tensor?) {
    let call = try RecurrentCall(self, cell, weights, state, cellState, isReversed)
    let (outputs, last) = try call.forward()
    let ofCell = CellDerivative()
    let result = outputs.recorded(
      [self] + weights.all + [state, cellState].compactMap { $0 }, needing: call.input, weights.input, weights.hidden,
      function: "recurrent", as: .recurrence(cell, isReversed, state, cellState)
    ) { gradient in
      try call.backward(gradient.packed(), ofCell.take(), outputs: call.kept())
    }
    call.outputs = result.detached()
    // The last cell state hands its derivative to the same walk through time.
    let shape = outputs.shape
    let lastCell = last?.recorded([result], function: "recurrent", as: TracedOperation("LastCell")) { gradient in
      ofCell.value = gradient.packed()
      return [Tensor.zeros(shape)]
    }
    return (result, lastCell)
  }
}

extension TracedOperation {
  /// A layer in one direction; its inputs are followed by the states that it begins with.
  fileprivate static func recurrence(
    _ cell: Recurrence.Cell, _ isReversed: Bool, _ state: Tensor?, _ cellState: Tensor?
  ) -> TracedOperation {
    let name =
      switch cell {
      case .elman: "RNN"
      case .gru: "GRU"
      case .lstm: "LSTM"
      }
    return TracedOperation(
      name,
      [
        "direction": .text(isReversed ? "reverse" : "forward"), "hasState": .int(state == nil ? 0 : 1),
        "hasCell": .int(cellState == nil ? 0 : 1),
      ])
  }
}

/// The derivative of the last cell state, on its way to the layer's walk.
private final class CellDerivative {
  var value: Tensor?
  func take() -> Tensor? { value.take() }
}

/// One use of a layer: what backward needs of forward.
private final class RecurrentCall {
  let input: Tensor
  let weights: RecurrentWeights
  let state, cellState: Tensor?
  let loop: Recurrence
  private let kernels = KernelOptions.current.kernels
  private let needsInputDerivative: Bool
  /// The tokens of one-hot inputs.
  let tokens: [Int]?
  let memory: Tensor
  var outputs: Tensor?

  init(
    _ input: Tensor, _ cell: Recurrence.Cell, _ weights: RecurrentWeights, _ state: Tensor?, _ cellState: Tensor?,
    _ isReversed: Bool
  ) throws {
    let isTokens = !input.dtype.isFloat
    let (rows, inputs) = (weights.hidden.shape[0], weights.input.shape.last ?? 0)
    let hidden = rows / cell.gateCount
    guard input.rank == (isTokens ? 2 : 3), input.shape[0] > 0, isTokens || input.shape[2] == inputs else {
      throw TensorError(
        "recurrent", "input of shape \(input.shape) does not fit weights of shape \(weights.input.shape)")
    }
    let shapes: [Shape] = [[rows, inputs], [rows, hidden], [rows], [rows]]
    guard weights.all.map(\.shape) == shapes, rows == hidden * cell.gateCount else {
      throw TensorError("recurrent", "weights of shapes \(weights.all.map(\.shape)), not \(shapes)")
    }
    for tensor in [state, cellState] {
      guard let tensor, tensor.shape != [input.shape[1], hidden] else { continue }
      throw TensorError("recurrent", "state of shape \(tensor.shape), not \([input.shape[1], hidden])")
    }
    let floats = weights.all + [state, cellState].compactMap { $0 } + (isTokens ? [] : [input])
    if let odd = floats.first(where: { $0.dtype != .float32 }) {
      throw TensorError("recurrent", "needs float32, not \(odd.dtype)")
    }
    tokens = isTokens ? try input.tokens(below: inputs) : nil
    needsInputDerivative = input.tracksGradient
    self.input = isTokens ? input : input.detached().packed()
    self.weights = weights
    (self.state, self.cellState) = (state?.detached().packed(), cellState?.detached().packed())
    loop = Recurrence(
      cell, steps: input.shape[0], batch: input.shape[1], hidden: hidden, isReversed: isReversed)
    memory = try Tensor(uninitialized: [loop.memoryCount], .float32)
  }

  private var hasOwnBias: Bool { loop.cell == .gru }
  private var gateShape: Shape { [loop.steps * loop.batch, loop.cell.gateCount * loop.hidden] }

  /// The hidden states, kept without their place in the graph: a rule that holds its own result would never be freed.
  func kept() throws -> Tensor {
    guard let outputs else { throw TensorError("recurrent", "backward before forward") }
    return outputs
  }

  private func withInputs<Result>(_ body: (Recurrence.Inputs) throws -> Result) throws -> Result {
    try body(
      .init(
        weight: weights.hidden.pointer(), packed: weights.hidden.storage.packed,
        bias: hasOwnBias ? UnsafePointer(weights.hiddenBias.pointer(Float.self)) : nil,
        hidden: state.map { UnsafePointer(try $0.pointer(Float.self)) },
        cell: cellState.map { UnsafePointer(try $0.pointer(Float.self)) }))
  }

  func forward() throws -> (outputs: Tensor, cell: Tensor?) {
    let gates = try withoutGradient { try inputShare() }
    let outputs = try Tensor(uninitialized: [loop.steps, loop.batch, loop.hidden], .float32)
    let cell = loop.cell == .lstm ? try Tensor(uninitialized: [loop.batch, loop.hidden], .float32) : nil
    try withInputs {
      try kernels.recur(
        loop, $0, gates: gates.pointer(), outputs: outputs.pointer(), cells: cell.map { try $0.pointer() },
        memory: memory.pointer())
    }
    return (outputs, cell)
  }

  /// `x · weightᵀ + bias` of all steps, in memory of its own.
  private func inputShare() throws -> Tensor {
    let bias = hasOwnBias ? weights.inputBias : weights.inputBias + weights.hiddenBias
    guard let tokens else { return input.reshaped([gateShape[0], input.shape[2]]).linear(weights.input, bias) }
    let table = (weights.input.transposed() + bias).packed()
    let gates = try Tensor(uninitialized: gateShape, .float32)
    let width = gateShape[1]
    let (source, target) = (try table.pointer(Float.self), try gates.pointer(Float.self))
    for (row, token) in tokens.enumerated() {
      (target + row * width).update(from: source + token * width, count: width)
    }
    return gates
  }

  /// The derivatives of input, weights and states.
  func backward(_ gradient: Tensor, _ ofCell: Tensor?, outputs: Tensor) throws -> [Tensor?] {
    let gates = try Tensor(uninitialized: gateShape, .float32)
    let products = hasOwnBias ? try Tensor(uninitialized: gateShape, .float32) : gates
    let first = try [Tensor(uninitialized: stateShape, .float32), Tensor(uninitialized: stateShape, .float32)]
    try withInputs {
      try kernels.recurrenceGradient(
        loop, $0, outputs: outputs.pointer(), memory: memory.pointer(), ofOutputs: gradient.pointer(),
        ofCell: ofCell.map { UnsafePointer(try $0.pointer(Float.self)) },
        into: .init(
          gates: gates.pointer(), products: products.pointer(), hidden: first[0].pointer(), cell: first[1].pointer()))
    }
    return try [
      ofInput(gates), ofInputWeight(gates), ofHiddenWeight(products, outputs), gates.sum(0), products.sum(0),
    ]
      + (state == nil ? [] : [first[0]]) + (cellState == nil ? [] : [first[1]])
  }

  private var stateShape: Shape { [loop.batch, loop.hidden] }

  private func ofInput(_ gates: Tensor) throws -> Tensor? {
    needsInputDerivative ? try gates.product(weights.input, kernels).reshaped(input.shape) : nil
  }

  /// One product over all steps but the first, whose state before is another tensor.
  private func ofHiddenWeight(_ products: Tensor, _ outputs: Tensor) throws -> Tensor {
    let (batch, pairs) = (loop.batch, (loop.steps - 1) * loop.batch)
    let states = outputs.reshaped([loop.steps * batch, loop.hidden])
    let (later, earlier) = loop.isReversed ? (0, batch) : (batch, 0)
    var factors = [(left: products[later..<later + pairs].turned, right: states[earlier..<earlier + pairs])]
    if let state {
      let first = loop.isReversed ? pairs : 0
      factors.append((left: products[first..<first + batch].turned, right: state))
    }
    return try .products(factors, weights.hidden.shape, kernels)
  }

  /// One product; with tokens, each row is added to its token's.
  private func ofInputWeight(_ gates: Tensor) throws -> Tensor {
    guard let tokens else {
      return try .products(
        [(gates.turned, input.reshaped([gateShape[0], input.shape[2]]))], weights.input.shape, kernels)
    }
    return try gates.addedToRows(tokens, of: weights.input.shape[1]).transposed()
  }
}
