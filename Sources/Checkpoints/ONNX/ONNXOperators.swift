import Networks
import Tensors

/// How operations become operators. What is called and set as in ONNX needs nothing here.
extension ONNXWriter {
  /// The value that a step comes to.
  mutating func write(_ step: ONNXStep) throws -> String {
    switch step.operation.name {
    case "RNN", "GRU", "LSTM": return try recurrent(step)
    case "LastCell": return try lastCell(step)
    default: break
    }
    let inputs = try zip(step.one.inputs, step.two.inputs).map { try value($0, $1) }
    switch step.operation.name {
    case "Add", "Sub", "Mul", "Div", "Max", "Min":
      return graph.add(step.operation.name, operands(step, inputs, step.result.dtype))
    case "Pow":
      let exponent = try step.float("exponent").map { [try graph.number($0)] } ?? []
      return graph.add("Pow", operands(step, inputs, step.result.dtype) + exponent)
    case "Concat":
      return graph.add("Concat", operands(step, inputs, step.result.dtype), step.operation.settings)
    case "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual":
      return graph.add(step.operation.name, operands(step, inputs, compared(step)))
    case "NotEqual": return graph.add("Not", [graph.add("Equal", operands(step, inputs, compared(step)))])
    case "Where":
      // The condition comes last here, and first there.
      let choices = operands(step, Array(inputs.prefix(2)), step.result.dtype)
      let flags = step.one.inputs[2].dtype == .bool ? inputs[2] : cast(inputs[2], to: .bool)
      return graph.add("Where", [flags] + choices)
    case "Cast": return cast(inputs[0], to: step.result.dtype)
    case "Clip":
      let bounds = try ["min", "max"].map { name in
        let bound = step.float(name) ?? 0
        return bound.isFinite ? try graph.number(bound) : ""
      }
      return graph.add("Clip", inputs + bounds)
    case "ReduceSum":
      let axes = try step.ints("axes").map { [try graph.integers($0)] } ?? []
      return graph.add("ReduceSum", inputs + axes, step.settings(without: "axes"))
    case "ArgMax", "ArgMin": return try argument(step, inputs)
    case "CumSum":
      let axis = try graph.constant("axis", Tensor(step.int("axis") ?? 0))
      return graph.add("CumSum", inputs + [axis])
    case "Gather":
      let indices = try step.ints("indices").map { [try graph.integers($0)] } ?? []
      return graph.add("Gather", inputs + indices, step.settings(without: "indices"))
    case "Reshape": return graph.add("Reshape", [inputs[0], try target(of: step)])
    case "Expand":
      return graph.add("Expand", [inputs[0], try shape(Self.extents(step.one.result, step.two.result))])
    case "Slice": return try slice(step, inputs[0])
    case "Attention": return try attention(step, inputs)
    case "SelfAttention": return try selfAttention(step, inputs)
    case "Gelu": return try gelu(inputs[0])
    case "GeluTanh": return try geluTanh(inputs[0])
    case "Silu": return graph.add("Mul", [inputs[0], graph.add("Sigmoid", inputs)])
    case "Pad": return try pad(step, inputs[0])
    case "Masked": return try masked(step, inputs)
    case "Variance", "Deviation": return try variance(step, inputs[0])
    case "Order": return try order(step, inputs[0])
    case "And", "Or", "Xor": return graph.add(step.operation.name, operands(step, inputs, .bool))
    case "Trunc": return graph.add("Mul", [graph.add("Sign", inputs), graph.add("Floor", [graph.add("Abs", inputs)])])
    case "FloorDivide": return floorDivide(step, operands(step, inputs, step.result.dtype))
    case "Remainder": return remainder(step, operands(step, inputs, step.result.dtype))
    case "ScatterElements": return try scatter(step, inputs)
    case "LayerNorm": return try layerNormalization(step, inputs)
    case "RMSNorm": return try rootMeanSquare(step, inputs)
    default: return graph.add(step.operation.name, inputs, step.operation.settings)
    }
  }

  /// The inputs in one type.
  mutating func operands(_ step: ONNXStep, _ inputs: [String], _ type: DType) -> [String] {
    zip(step.one.inputs, inputs).map { tensor, name in tensor.dtype == type ? name : cast(name, to: type) }
  }

  private func compared(_ step: ONNXStep) -> DType { step.one.inputs.map(\.dtype).max() ?? .float32 }

  mutating func cast(_ value: String, to type: DType) -> String {
    graph.add("Cast", [value], ["to": .int(ONNXGraph.type(type))])
  }

  private mutating func argument(_ step: ONNXStep, _ inputs: [String]) throws -> String {
    graph.add(
      step.operation.name, inputs,
      step.settings(without: "axes").merging(["axis": .int(step.ints("axes")?.first ?? 0)]) { $1 })
  }

  /// A shape of which one extent may be left to be computed, -1: the only one that depends on the number of samples, but for
  /// those that stay in their place.
  private mutating func target(of step: ONNXStep) throws -> String {
    let extents = try Self.extents(step.one.result, step.two.result)
    let before = try Self.extents(step.one.inputs[0], step.two.inputs[0])
    var (shape, open) = ([Int](), 0)
    for (axis, extent) in extents.enumerated() {
      switch extent {
      case .fixed(let count): shape.append(count)
      case .samples where axis < before.count && before[axis] == extent:
        shape.append(0)
      case .samples:
        shape.append(-1)
        open += 1
      }
    }
    return open <= 1 ? try graph.integers(shape) : try self.shape(extents)
  }

  private mutating func slice(_ step: ONNXStep, _ input: String) throws -> String {
    let axes = step.ints("axes") ?? []
    var value = input
    if !axes.isEmpty {
      let lists = try [step.ints("starts") ?? [], step.ints("ends") ?? [], axes, step.ints("steps") ?? []]
        .map { try graph.integers($0) }
      value = graph.add("Slice", [input] + lists)
    }
    guard let squeezed = step.ints("squeezed"), !squeezed.isEmpty else { return value }
    return graph.add("Squeeze", [value, try graph.integers(squeezed)])
  }
}
