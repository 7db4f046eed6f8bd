import Glibc

/// Recurrences unit by unit, as PyTorch's documentation writes them. `memory` holds per unit a GRU's r, z, n and the hidden
/// share of n, or an LSTM's i, f, g, o, c and the cell state before.
extension Reference {
  public func recur(
    _ recurrence: Recurrence, _ inputs: Recurrence.Inputs, gates: Floats, outputs: Floats, cells: Floats?,
    memory: Floats
  ) throws {
    for index in 0..<recurrence.steps {
      let (step, hidden) = (recurrence.step(index), recurrence.hidden)
      let before = recurrence.before(outputs, index, inputs.hidden)
      for row in 0..<recurrence.batch {
        for unit in 0..<hidden {
          let place = recurrence.place(step, row, unit)
          let (a, p) = recurrence.shares(gates, before.map { $0 + row * hidden }, inputs, step, row, unit)
          let last = Double(before?[row * hidden + unit] ?? 0)
          switch recurrence.cell {
          case .elman: outputs[place] = Float(Glibc.tanh(a[0] + p[0]))
          case .gru:
            let (r, z) = (Activation.sigmoid.value(a[0] + p[0]), Activation.sigmoid.value(a[1] + p[1]))
            let n = Glibc.tanh(a[2] + r * p[2])
            outputs[place] = Float((1 - z) * n + z * last)
            recurrence.keep([r, z, n, p[2]], memory, place)
          case .lstm:
            let (i, f) = (Activation.sigmoid.value(a[0] + p[0]), Activation.sigmoid.value(a[1] + p[1]))
            let (g, o) = (Glibc.tanh(a[2] + p[2]), Activation.sigmoid.value(a[3] + p[3]))
            let cell =
              index == 0
              ? Double(inputs.cell?[row * hidden + unit] ?? 0) : recurrence.cell(memory, index - 1, row, unit)
            let c = f * cell + i * g
            outputs[place] = Float(o * Glibc.tanh(c))
            recurrence.keep([i, f, g, o, c, cell], memory, place)
            if index == recurrence.steps - 1 { cells?[row * hidden + unit] = Float(c) }
          }
        }
      }
    }
  }

  public func recurrenceGradient(
    _ recurrence: Recurrence, _ inputs: Recurrence.Inputs, outputs: ConstantFloats, memory: ConstantFloats,
    ofOutputs: ConstantFloats, ofCell: ConstantFloats?, into result: Recurrence.Derivatives
  ) throws {
    let count = recurrence.stateCount
    for i in 0..<count { (result.hidden[i], result.cell[i]) = (0, ofCell?[i] ?? 0) }
    for index in (0..<recurrence.steps).reversed() {
      let step = recurrence.step(index)
      let before = recurrence.before(outputs, index, inputs.hidden)
      var straight = [Double](repeating: 0, count: count)
      for i in 0..<count {
        let d = Double(result.hidden[i]) + Double(ofOutputs[step * count + i])
        straight[i] = recurrence.differentiate(
          i, step, d, last: Double(before?[i] ?? 0), Double(outputs[step * count + i]), memory, result)
      }
      for i in 0..<count { result.hidden[i] = Float(straight[i] + recurrence.returned(i, step, inputs, result)) }
    }
  }
}

extension Recurrence {
  /// The hidden state that the `index`-th computed step started from; nil for zeros.
  fileprivate func before(_ outputs: ConstantFloats, _ index: Int, _ first: ConstantFloats?) -> ConstantFloats? {
    index == 0 ? first : outputs + step(index - 1) * stateCount
  }

  fileprivate func place(_ step: Int, _ row: Int, _ unit: Int) -> Int { step * stateCount + row * hidden + unit }
  private var keptCount: Int { cell == .gru ? 4 : 6 }

  fileprivate func keep(_ values: [Double], _ memory: Floats, _ place: Int) {
    for (index, value) in values.enumerated() { memory[place * keptCount + index] = Float(value) }
  }

  fileprivate func cell(_ memory: ConstantFloats, _ index: Int, _ row: Int, _ unit: Int) -> Double {
    Double(memory[place(step(index), row, unit) * keptCount + 4])
  }

  /// What the inputs and what the hidden state before give each gate of a unit.
  fileprivate func shares(
    _ gates: ConstantFloats, _ before: ConstantFloats?, _ inputs: Inputs, _ step: Int, _ row: Int, _ unit: Int
  ) -> (inputs: [Double], hidden: [Double]) {
    let own = gates + step * gatesCount + row * gateWidth
    var products: [Double] = []
    for gate in 0..<cell.gateCount {
      let line = gate * hidden + unit
      var sum = Double(inputs.bias?[line] ?? 0)
      if let before {
        for k in 0..<hidden { sum += Double(before[k]) * Double(inputs.weight[line * hidden + k]) }
      }
      products.append(sum)
    }
    return ((0..<cell.gateCount).map { Double(own[$0 * hidden + unit]) }, products)
  }

  /// Writes the derivatives of a unit's gates, given that of its output; returns what goes straight to the hidden state
  /// before.
  fileprivate func differentiate(
    _ i: Int, _ step: Int, _ d: Double, last: Double, _ h: Double, _ memory: ConstantFloats, _ result: Derivatives
  ) -> Double {
    let (row, unit) = i.quotientAndRemainder(dividingBy: hidden)
    let kept = memory + (step * stateCount + i) * keptCount
    func value(_ index: Int) -> Double { Double(kept[index]) }
    func write(_ gates: [Double], products: [Double]) {
      let start = step * gatesCount + row * gateWidth + unit
      for gate in gates.indices {
        result.gates[start + gate * hidden] = Float(gates[gate])
        result.products[start + gate * hidden] = Float(products[gate])
      }
    }
    switch cell {
    case .elman:
      let slope = d * (1 - h * h)
      write([slope], products: [slope])
      return 0
    case .gru:
      let (r, z, n, share) = (value(0), value(1), value(2), value(3))
      let ofFresh = d * (1 - z) * (1 - n * n)
      let (ofReset, ofUpdate) = (ofFresh * share * r * (1 - r), d * (last - n) * z * (1 - z))
      write([ofReset, ofUpdate, ofFresh], products: [ofReset, ofUpdate, ofFresh * r])
      return d * z
    case .lstm:
      let (i0, f, g, o, c, before) = (value(0), value(1), value(2), value(3), value(4), value(5))
      let squashed = Glibc.tanh(c)
      let ofCell = Double(result.cell[i]) + d * o * (1 - squashed * squashed)
      let slopes = [
        ofCell * g * i0 * (1 - i0), ofCell * before * f * (1 - f), ofCell * i0 * (1 - g * g),
        d * squashed * o * (1 - o),
      ]
      write(slopes, products: slopes)
      result.cell[i] = Float(ofCell * f)
      return 0
    }
  }

  /// What reaches a unit of the hidden state before through the weights.
  fileprivate func returned(_ i: Int, _ step: Int, _ inputs: Inputs, _ result: Derivatives) -> Double {
    let (row, unit) = i.quotientAndRemainder(dividingBy: hidden)
    let products = result.products + step * gatesCount + row * gateWidth
    return (0..<gateWidth).reduce(0) { $0 + Double(products[$1]) * Double(inputs.weight[$1 * hidden + unit]) }
  }
}
