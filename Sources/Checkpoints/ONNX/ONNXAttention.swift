import Networks
import Tensors

/// What Transformers are made of, in operators that every runtime has.
extension ONNXWriter {
  /// `softmax(queries · keysᵀ · scale) · values` over the keys that a query sees: inputs are queries, keys and values, and where there
  /// are such, lengths and a mask.
  mutating func attention(_ step: ONNXStep, _ inputs: [String]) throws -> String {
    let (queries, keys) = (step.one.inputs[0].shape, step.one.inputs[1].shape)
    let turned = graph.add("Transpose", [inputs[1]], ["perm": [0, 1, 3, 2]])
    return try attention(
      step, inputs[0], turned, inputs[2], others: Array(inputs.dropFirst(3)), steps: (queries[2], keys[2]))
  }

  /// The same of queries, keys and values that lie side by side, `[batch, steps, 3 · width]`.
  mutating func selfAttention(_ step: ONNXStep, _ inputs: [String]) throws -> String {
    let shape = step.one.inputs[0].shape
    let (steps, heads) = (shape[1], step.int("heads") ?? 1)
    let width = shape[2] / 3 / heads
    var thirds: [String] = []
    for (third, order) in [[0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]].enumerated() {
      let range = try [[third * heads * width], [(third + 1) * heads * width], [2]].map { try graph.integers($0) }
      let part = graph.add("Slice", [inputs[0]] + range)
      let split = graph.add("Reshape", [part, try graph.integers([0, steps, heads, width])])
      thirds.append(graph.add("Transpose", [split], ["perm": .ints(order)]))
    }
    let means = try attention(
      step, thirds[0], thirds[1], thirds[2], others: Array(inputs.dropFirst()), steps: (steps, steps))
    let joined = graph.add("Transpose", [means], ["perm": [0, 2, 1, 3]])
    return graph.add("Reshape", [joined, try graph.integers([0, steps, heads * width])])
  }

  private mutating func attention(
    _ step: ONNXStep, _ queries: String, _ turnedKeys: String, _ values: String, others: [String],
    steps: (queries: Int, keys: Int)
  ) throws -> String {
    let product = graph.add("MatMul", [queries, turnedKeys])
    var scores = graph.add("Mul", [product, try graph.number(step.float("scale") ?? 1)])
    var seen: [String] = []
    if step.int("causal") == 1 {
      let (count, before) = (steps.keys, steps.keys - steps.queries)
      let flags = (0..<steps.queries).flatMap { query in (0..<count).map { $0 <= before + query } }
      seen.append(try graph.constant("causal", Tensor(flags, shape: [steps.queries, count])))
    }
    if step.int("hasLengths") == 1 {
      let rank = step.one.inputs[step.one.inputs.count - others.count].rank
      let axes = rank == 1 ? [1, 2, 3] : [1, 3]
      let lengths = graph.add("Cast", [others[0]], ["to": .int(ONNXGraph.type(.int64))])
      let limits = graph.add("Unsqueeze", [lengths, try graph.integers(axes)])
      seen.append(graph.add("Less", [try graph.integers(Array(0..<steps.keys)), limits]))
    }
    if step.int("hasMask") == 1, let mask = others.last {
      if step.one.inputs.last?.dtype == .bool { seen.append(mask) } else { scores = graph.add("Add", [scores, mask]) }
    }
    for flags in seen { scores = graph.add("Where", [flags, scores, try graph.number(-1e30)]) }
    var weights = graph.add("Softmax", [scores], ["axis": -1])
    // 0 for a query that sees no key.
    for flags in seen { weights = graph.add("Where", [flags, weights, try graph.number(0)]) }
    return graph.add("MatMul", [weights, values])
  }

  /// `x · ½ (1 + erf(x / √2))`.
  mutating func gelu(_ input: String) throws -> String {
    let scaled = graph.add("Mul", [input, try graph.number(0.5.squareRoot())])
    return try half(graph.add("Erf", [scaled]), of: input)
  }

  /// `x · ½ (1 + tanh(√(2/π) (x + 0.044715 x³)))`.
  mutating func geluTanh(_ input: String) throws -> String {
    let square = graph.add("Mul", [input, input])
    let bent = graph.add("Add", [graph.add("Mul", [square, try graph.number(0.044715)]), try graph.number(1)])
    let scaled = graph.add("Mul", [graph.add("Mul", [input, bent]), try graph.number((2 / Double.pi).squareRoot())])
    return try half(graph.add("Tanh", [scaled]), of: input)
  }

  /// `x · ½ (1 + share)`.
  private mutating func half(_ share: String, of input: String) throws -> String {
    let sum = graph.add("Add", [share, try graph.number(1)])
    return graph.add("Mul", [graph.add("Mul", [input, sum]), try graph.number(0.5)])
  }

  /// Over the last axes, with a scale that ONNX always wants.
  mutating func layerNormalization(_ step: ONNXStep, _ inputs: [String]) throws -> String {
    let count = step.int("axes") ?? 1
    let scale =
      try inputs.count > 1
      ? inputs[1] : graph.constant("ones", .ones(Shape(step.result.shape.suffix(count).map { $0 })))
    return graph.add(
      "LayerNormalization", [inputs[0], scale] + inputs.dropFirst(2),
      ["axis": .int(-count), "epsilon": .float(step.float("epsilon") ?? 1e-5)])
  }

  /// `x / √(mean(x²) + ε) · weight`.
  mutating func rootMeanSquare(_ step: ONNXStep, _ inputs: [String]) throws -> String {
    let axes = Array(-(step.int("axes") ?? 1)..<0)
    let mean = graph.add(
      "ReduceMean", [graph.add("Mul", [inputs[0], inputs[0]])], ["axes": .ints(axes), "keepdims": 1])
    let root = graph.add("Sqrt", [graph.add("Add", [mean, try graph.number(step.float("epsilon") ?? 1e-5)])])
    let normal = graph.add("Div", [inputs[0], root])
    return inputs.count > 1 ? graph.add("Mul", [normal, inputs[1]]) : normal
  }
}
