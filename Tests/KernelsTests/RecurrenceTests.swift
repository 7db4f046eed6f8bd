import Kernels
import Testing

@testable import TestSupport

@Suite("Recurrence against the reference")
struct RecurrenceTests {
  @Test("Both passes and the weight's derivative", arguments: Recurrence.Cell.allCases, [1, 2, 5])
  func passes(cell: Recurrence.Cell, steps: Int) throws {
    for (isReversed, hasState) in [(false, false), (false, true), (true, false), (true, true)] {
      // Less than a vector, and vectors with a rest.
      for hidden in [7, 37] {
        try check(
          Recurrence(cell, steps: steps, batch: 3, hidden: hidden, isReversed: isReversed), hasState: hasState)
      }
    }
  }

  private func check(_ recurrence: Recurrence, hasState: Bool) throws {
    var numbers = SeededNumbers(13)
    let (cell, states) = (recurrence.cell, recurrence.batch * recurrence.hidden)
    let width = cell.gateCount * recurrence.hidden
    let gates = numbers.floats(recurrence.steps * recurrence.batch * width)
    // States of many units stay as small as those of few.
    let share = 1 / Float(recurrence.hidden).squareRoot()
    let weight = GuardedBuffer(numbers.floats(width * recurrence.hidden).values.map { $0 * share })
    let bias = numbers.floats(width)
    let (hidden, first) = (numbers.floats(states), numbers.floats(states))
    let (ofOutputs, ofCell) = (numbers.floats(recurrence.steps * states), numbers.floats(states))
    let inputs = Recurrence.Inputs(
      weight: weight.pointer, bias: cell == .gru ? UnsafePointer(bias.pointer) : nil,
      hidden: hasState ? UnsafePointer(hidden.pointer) : nil,
      cell: hasState && cell == .lstm ? UnsafePointer(first.pointer) : nil)

    func run(_ kernels: any Backend) throws -> [GuardedBuffer] {
      let (own, outputs, cells) = (GuardedBuffer(gates.values), GuardedBuffer(ofOutputs.count), GuardedBuffer(states))
      let memory = GuardedBuffer(recurrence.memoryCount)
      try kernels.recur(
        recurrence, inputs, gates: own.pointer, outputs: outputs.pointer, cells: cells.pointer,
        memory: memory.pointer)
      let (toGates, toProducts) = (GuardedBuffer(gates.count), GuardedBuffer(gates.count))
      let (toHidden, toCell) = (GuardedBuffer(states), GuardedBuffer(states))
      let products = cell == .gru ? toProducts : toGates
      try kernels.recurrenceGradient(
        recurrence, inputs, outputs: outputs.pointer, memory: memory.pointer, ofOutputs: ofOutputs.pointer,
        ofCell: cell == .lstm ? UnsafePointer(ofCell.pointer) : nil,
        into: .init(
          gates: toGates.pointer, products: products.pointer, hidden: toHidden.pointer, cell: toCell.pointer))
      #expect(memory.guardsAreIntact)
      return [outputs, toGates, products, toHidden] + (cell == .lstm ? [cells, toCell] : [])
    }
    let wanted = try run(Reference())
    for backend in BackendName.fast {
      for (index, (found, wanted)) in zip(try run(backend.kernels), wanted).enumerated() {
        expectNear(found, wanted, tolerance: 2e-5, "\(backend): result \(index) of \(recurrence), state \(hasState)")
      }
    }
  }
}
