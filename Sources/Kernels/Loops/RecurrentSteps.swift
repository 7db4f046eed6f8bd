/// A recurrence step by step, made of a backend's products and of native gates.
struct RecurrentSteps<Kernels: Backend> {
  let recurrence: Recurrence
  let kernels: Kernels
  /// Of the gates.
  let instructions: InstructionSet

  init(_ recurrence: Recurrence, _ kernels: Kernels) {
    (self.recurrence, self.kernels) = (recurrence, kernels)
    instructions = (kernels as? Native)?.instructions ?? .inUse
  }

  typealias Inputs = Recurrence.Inputs
  typealias Derivatives = Recurrence.Derivatives

  var cell: Recurrence.Cell { recurrence.cell }
  var steps: Int { recurrence.steps }
  var batch: Int { recurrence.batch }
  var hidden: Int { recurrence.hidden }
  var stateCount: Int { recurrence.stateCount }
  var gatesCount: Int { recurrence.gatesCount }
  var gateWidth: Int { recurrence.gateWidth }
  func step(_ index: Int) -> Int { recurrence.step(index) }

  func forward(_ inputs: Inputs, gates: Floats, outputs: Floats, cells: Floats?, memory: Floats) throws {
    let turned = MatrixOperand(inputs.weight, isTransposed: true, rowStride: hidden, packed: inputs.packed)
    try kernels.withFactor(.init(turned, inner: hidden, columns: gateWidth), uses: steps) { weight in
      switch cell {
      case .elman: try elmanForward(inputs, weight, gates, outputs)
      case .gru: try gruForward(inputs, weight, gates, outputs, memory)
      case .lstm: try lstmForward(inputs, weight, gates, outputs, cells, memory)
      }
    }
  }

  /// The derivatives, from those of the outputs and of an LSTM's last cell state.
  func backward(
    _ inputs: Inputs, outputs: UnsafePointer<Float>, memory: UnsafePointer<Float>, ofOutputs: UnsafePointer<Float>,
    ofCell: UnsafePointer<Float>?, into result: Derivatives
  ) throws {
    result.hidden.update(repeating: 0, count: stateCount)
    if let ofCell {
      result.cell.update(from: ofCell, count: stateCount)
    } else {
      result.cell.update(repeating: 0, count: stateCount)
    }
    let plain = MatrixOperand(inputs.weight, isTransposed: false, rowStride: hidden, packed: inputs.packed)
    try kernels.withFactor(.init(plain, inner: gateWidth, columns: hidden), uses: steps) { weight in
      for index in (0..<steps).reversed() {
        try goBack(index, inputs, weight, outputs, memory, ofOutputs, result)
      }
    }
  }

  private func goBack(
    _ index: Int, _ inputs: Inputs, _ weight: Factor, _ outputs: ConstantFloats, _ memory: ConstantFloats,
    _ ofOutputs: ConstantFloats, _ result: Derivatives
  ) throws {
    gateGradient(index, inputs, outputs, memory, ofOutputs, result)
    // A GRU's hidden derivative goes on by itself, too.
    try KernelMeters.within(.product) {
      try kernels.multiply(
        rows: batch, .init(result.products + step(index) * gatesCount, isTransposed: false, rowStride: gateWidth),
        weight, into: result.hidden, accumulating: cell == .gru)
    }
  }

  /// The hidden state that the `index`-th computed step started from; nil for zeros.
  func previous(
    _ outputs: UnsafePointer<Float>, _ index: Int, _ first: UnsafePointer<Float>?
  ) -> UnsafePointer<Float>? {
    index == 0 ? first : outputs + step(index - 1) * stateCount
  }

  typealias Factor = MatrixFactor

  /// `target += h' · weightᵀ`, or `= h' · weightᵀ` unless accumulating.
  func multiply(
    _ before: UnsafePointer<Float>?, _ weight: Factor, into target: Floats, accumulating: Bool
  ) throws {
    guard let before else {
      if !accumulating { target.update(repeating: 0, count: gatesCount) }
      return
    }
    try KernelMeters.within(.product) {
      try kernels.multiply(
        rows: batch, .init(before, isTransposed: false, rowStride: hidden), weight, into: target,
        accumulating: accumulating)
    }
  }
}

extension RecurrentSteps {
  private func elmanForward(_ inputs: Inputs, _ weight: Factor, _ gates: Floats, _ outputs: Floats) throws {
    for index in 0..<steps {
      let step = step(index)
      let own = gates + step * gatesCount
      try multiply(previous(outputs, index, inputs.hidden), weight, into: own, accumulating: true)
      try kernels.apply(.tanh, own, into: outputs + step * stateCount, count: stateCount)
    }
  }
}
