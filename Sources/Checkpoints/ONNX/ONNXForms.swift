import Networks
import Tensors

/// Everyday operations that are spelt otherwise in ONNX, or are several there.
extension ONNXWriter {
  /// A constant around the elements: all beginnings, then all ends; what is negative is cut off.
  mutating func pad(_ step: ONNXStep, _ input: String) throws -> String {
    let (amounts, rank) = (step.ints("amounts") ?? [], step.result.rank)
    var pads = [Int](repeating: 0, count: 2 * rank)
    // The last axis comes first there.
    for pair in 0..<amounts.count / 2 {
      (pads[rank - 1 - pair], pads[2 * rank - 1 - pair]) = (amounts[2 * pair], amounts[2 * pair + 1])
    }
    return graph.add("Pad", [input, try graph.integers(pads), try number(step.float("value") ?? 0, step.result.dtype)])
  }

  /// A number where a mask is true.
  mutating func masked(_ step: ONNXStep, _ inputs: [String]) throws -> String {
    graph.add("Where", [inputs[1], try number(step.float("value") ?? 0, step.result.dtype), inputs[0]])
  }

  private mutating func number(_ value: Double, _ type: DType) throws -> String {
    let number = try graph.number(value)
    return type == .float32 ? number : cast(number, to: type)
  }

  /// `Σ (x - mean)² / divisor`, and its root.
  mutating func variance(_ step: ONNXStep, _ input: String) throws -> String {
    let type = step.result.dtype
    let input = step.one.inputs[0].dtype == type ? input : cast(input, to: type)
    let mean = graph.add(
      "ReduceMean", [input], ["keepdims": 1].merging(step.operation.settings.filter { $0.key == "axes" }) { $1 })
    let apart = graph.add("Sub", [input, mean])
    let axes = try step.ints("axes").map { [try graph.integers($0)] } ?? []
    let sum = graph.add(
      "ReduceSum", [graph.add("Mul", [apart, apart])] + axes, ["keepdims": .int(step.int("keepdims") ?? 0)])
    let variance = graph.add("Div", [sum, try number(step.float("divisor") ?? 1, type)])
    return step.operation.name == "Variance" ? variance : graph.add("Sqrt", [variance])
  }

  /// Where the first elements in order are.
  mutating func order(_ step: ONNXStep, _ input: String) throws -> String {
    guard let axis = step.int("axis"), step.result.rank > 0 else { return cast(input, to: .int64) }
    let rank = step.one.inputs[0].rank
    let count = try graph.integers([step.int("count") ?? step.one.inputs[0].shape[axis < 0 ? axis + rank : axis]])
    return graph.add(
      "TopK", [input, count], ["axis": .int(axis), "largest": .int(step.int("largest") ?? 1), "sorted": 1], outputs: 2)[
        1]
  }

  /// `a - b ⌊a / b⌋`; ONNX has it of integers.
  mutating func remainder(_ step: ONNXStep, _ operands: [String]) -> String {
    guard step.result.dtype.isFloat else { return graph.add("Mod", operands) }
    return graph.add("Sub", [operands[0], graph.add("Mul", [operands[1], floorDivide(step, operands)])])
  }

  /// `⌊a / b⌋`; of integers what is divided is brought to a multiple first, as ONNX rounds to zero.
  mutating func floorDivide(_ step: ONNXStep, _ operands: [String]) -> String {
    if step.result.dtype.isFloat { return graph.add("Floor", [graph.add("Div", operands)]) }
    return graph.add("Div", [graph.add("Sub", [operands[0], graph.add("Mod", operands)]), operands[1]])
  }

  /// The indices come last here.
  mutating func scatter(_ step: ONNXStep, _ inputs: [String]) throws -> String {
    var source = operands(step, inputs, step.result.dtype)[1]
    if step.one.inputs[1].rank == 0 {
      source = graph.add("Expand", [source, try shape(Self.extents(step.one.inputs[2], step.two.inputs[2]))])
    }
    return graph.add("ScatterElements", [inputs[0], inputs[2], source], step.operation.settings)
  }
}
