import CVectors

// What a step does to each unit by itself: native kernels, whatever multiplies. `memory` holds per step, one block after the
// other: a GRU's r and z (rows of two), n, and the hidden share of n; an LSTM's four gates (rows of four), c and tanh c.

extension RecurrentSteps {
  func gruForward(
    _ inputs: Inputs, _ weight: Factor, _ gates: Floats, _ outputs: Floats, _ memory: Floats
  ) throws {
    let products = Floats.allocate(capacity: gatesCount)
    defer { products.deallocate() }
    for index in 0..<steps {
      let (step, before) = (step(index), previous(outputs, index, inputs.hidden))
      try multiply(before, weight, into: products, accumulating: false)
      var cell = native_cell(of: self, inputs: gates, step, before: before)
      (cell.products, cell.bias) = (ConstantFloats(products), inputs.bias)
      (cell.kept, cell.outputs) = (memory + step * 4 * stateCount, outputs + step * stateCount)
      run(kernelsOfGates.gru, cell)
    }
  }

  func lstmForward(
    _ inputs: Inputs, _ weight: Factor, _ gates: Floats, _ outputs: Floats, _ cells: Floats?, _ memory: Floats
  ) throws {
    for index in 0..<steps {
      let (step, own) = (step(index), gates + step(index) * gatesCount)
      try multiply(previous(outputs, index, inputs.hidden), weight, into: own, accumulating: true)
      let kept = memory + step * 6 * stateCount
      var cell = native_cell(of: self, inputs: gates, step, before: previousCell(memory, index, inputs.cell))
      (cell.kept, cell.outputs) = (kept, outputs + step * stateCount)
      run(kernelsOfGates.lstm, cell)
      if index == steps - 1 { cells?.update(from: kept + 4 * stateCount, count: stateCount) }
    }
  }

  /// A step's derivatives of the gates; the hidden state's are then those that a GRU's goes on with by itself.
  func gateGradient(
    _ index: Int, _ inputs: Inputs, _ outputs: ConstantFloats, _ memory: ConstantFloats, _ ofOutputs: ConstantFloats,
    _ result: Derivatives
  ) {
    let step = step(index)
    var cell = native_cell(of: self)
    cell.output_gradient = ofOutputs + step * stateCount
    (cell.hidden_gradient, cell.cell_gradient) = (result.hidden, result.cell)
    cell.gates_gradient = result.gates + step * gatesCount
    cell.products_gradient = result.products + step * gatesCount
    switch self.cell {
    case .elman:
      cell.outputs = Floats(mutating: outputs + step * stateCount)
      run(kernelsOfGates.elman_back, cell)
    case .gru:
      cell.kept = Floats(mutating: memory + step * 4 * stateCount)
      cell.before = previous(outputs, index, inputs.hidden)
      run(kernelsOfGates.gru_back, cell)
    case .lstm:
      cell.kept = Floats(mutating: memory + step * 6 * stateCount)
      cell.before = previousCell(memory, index, inputs.cell)
      run(kernelsOfGates.lstm_back, cell)
    }
  }

  /// The cell state that the `index`-th computed step started from; nil for zeros.
  private func previousCell(_ memory: ConstantFloats, _ index: Int, _ first: ConstantFloats?) -> ConstantFloats? {
    index == 0 ? first : memory + (step(index - 1) * 6 + 4) * stateCount
  }

  private var kernelsOfGates: native_kernels { instructions.kernels.pointee }

  /// Shares a step's rows out among threads, where it has much to do.
  private func run(
    _ kernel: @convention(c) (UnsafePointer<native_cell>, Int, Int) -> Void, _ cell: native_cell
  ) {
    withUnsafePointer(to: cell) { cell in
      KernelThreads.share(batch, inParts: KernelThreads.parts(ofWork: 16, stateCount), multiplesOf: 1) {
        kernel(cell, $0.lowerBound, $0.upperBound)
      }
    }
  }
}

extension native_cell {
  /// A step's extents, and where one is given, its inputs' share and the state before.
  fileprivate init<Kernels: Backend>(
    of steps: RecurrentSteps<Kernels>, inputs: Floats? = nil, _ step: Int = 0, before: ConstantFloats? = nil
  ) {
    self.init()
    (rows, hidden, self.before) = (steps.batch, steps.hidden, before)
    self.inputs = inputs.map { ConstantFloats($0 + step * steps.gatesCount) }
  }
}
