import Networks
import Tensors

/// Turns two runs of a forward pass into a graph: a step of both at a time, each tensor of the first under the name of a value.
struct ONNXWriter {
  var graph = ONNXGraph()
  private let first, second: ONNX.Run
  private let state: [ObjectIdentifier: String]
  private var values: [ObjectIdentifier: String] = [:]
  /// An LSTM's last cell state, beside the value of its outputs.
  var cells: [ObjectIdentifier: String] = [:]
  /// The number of samples as a list of one number, once somebody asks for it.
  private var samples: String?

  init(_ network: Module, _ first: ONNX.Run, _ second: ONNX.Run) throws {
    (self.first, self.second) = (first, second)
    state = Dictionary(network.state.map { (ObjectIdentifier($0.tensor), $0.name) }) { first, _ in first }
    guard first.steps.count == second.steps.count else {
      throw ExportError("the forward pass takes another course for another number of samples")
    }
  }

  /// Writes all of it.
  mutating func write() throws {
    let needed = Set((first.steps.flatMap(\.inputs) + [first.output.tensor]).map(ObjectIdentifier.init))
    for (one, two) in zip(first.inputs, second.inputs) where needed.contains(ObjectIdentifier(one.tensor)) {
      graph.input(one.name, one.tensor.dtype, try Self.extents(one.tensor, two.tensor))
      values[ObjectIdentifier(one.tensor)] = one.name
    }
    for (one, two) in zip(first.steps, second.steps) {
      graph.layer = one.layer
      values[ObjectIdentifier(one.result)] = try write(ONNXStep(one, two))
    }
    let output = try value(first.output.tensor, second.output.tensor)
    graph.output(
      first.output.name, of: output, first.output.tensor.dtype,
      try Self.extents(first.output.tensor, second.output.tensor))
  }

  /// The extents that a tensor has for any number of samples, by those of both runs.
  static func extents(_ one: Tensor, _ two: Tensor) throws -> [ONNXExtent] {
    guard one.rank == two.rank else {
      throw ExportError("\(one.shape) becomes \(two.shape) for another number of samples")
    }
    return try zip(one.shape, two.shape).map { a, b in
      if a == b { return .fixed(a) }
      let times = a / ONNX.batches.0
      guard times * ONNX.batches.0 == a, times * ONNX.batches.1 == b else {
        throw ExportError("\(one.shape) becomes \(two.shape) for another number of samples")
      }
      return .samples(times)
    }
  }

  /// The value that a tensor is: a step's result, or else a parameter, or a constant.
  mutating func value(_ one: Tensor, _ two: Tensor) throws -> String {
    if let known = values[ObjectIdentifier(one)] { return known }
    let name: String
    if let own = state[ObjectIdentifier(one)] {
      name = try graph.constant(own, one)
    } else {
      name = try constant(one, two)
    }
    values[ObjectIdentifier(one)] = name
    return name
  }

  /// What both runs made of nothing but numbers: the same in both, or the same for each sample.
  private mutating func constant(_ one: Tensor, _ two: Tensor) throws -> String {
    let extents = try Self.extents(one, two)
    let open = extents.indices.filter { extents[$0] != .fixed(one.shape[$0]) }
    var (kept, other) = (one.detached(), two.detached())
    for axis in open {
      func first(_ tensor: Tensor) -> Tensor { tensor.selected([0], axis: axis) }
      // Of each sample alike, and so of any number of them.
      guard try Self.areEqual(first(kept).expanded(to: kept.shape), kept) else { throw changing(one) }
      (kept, other) = (first(kept), first(other))
    }
    guard try Self.areEqual(kept, other) else { throw changing(one) }
    let name = try graph.constant("constant", kept)
    return open.isEmpty ? name : graph.add("Expand", [name, try shape(extents)])
  }

  private func changing(_ tensor: Tensor) -> ExportError {
    ExportError(
      "a tensor \(tensor.shape) changes with the input, but how it is computed was not recorded"
        + (graph.layer.isEmpty ? "" : ", in layer \(graph.layer)"))
  }

  private static func areEqual(_ one: Tensor, _ two: Tensor) throws -> Bool {
    guard one.shape == two.shape, one.dtype == two.dtype else { return false }
    return try one.withRowMajor(as: Double.self) { a in
      try two.withRowMajor(as: Double.self) { b in zip(a, b).allSatisfy { $0 == $1 || $0.isNaN && $1.isNaN } }
    }
  }

  /// A shape as a value, computed of the input's where it depends on the number of samples.
  mutating func shape(_ extents: [ONNXExtent]) throws -> String {
    let fixed = extents.compactMap { extent in if case .fixed(let count) = extent { count } else { nil } }
    if fixed.count == extents.count { return try graph.integers(fixed) }
    let parts = try extents.map { extent -> String in
      switch extent {
      case .fixed(let count): return try graph.integers([count])
      case .samples(1): return try sampleCount()
      case .samples(let times): return graph.add("Mul", [try sampleCount(), try graph.integers([times])])
      }
    }
    return parts.count == 1 ? parts[0] : graph.add("Concat", parts, ["axis": 0])
  }

  private mutating func sampleCount() throws -> String {
    if let samples { return samples }
    guard let input = first.inputs.first(where: { values[ObjectIdentifier($0.tensor)] != nil }) else {
      throw ExportError("the answer does not depend on the input")
    }
    let extents = graph.add("Shape", [input.name])
    let count = graph.add("Gather", [extents, try graph.integers([0])], ["axis": 0])
    samples = count
    return count
  }
}

/// An operation of both runs.
struct ONNXStep {
  let one, two: ForwardTrace.Step
  let operation: TracedOperation

  init(_ one: ForwardTrace.Step, _ two: ForwardTrace.Step) throws {
    guard let operation = one.operation else {
      throw ExportError(
        "\(one.function)\(one.layer.isEmpty ? "" : " in layer \(one.layer)") has no form in ONNX that Lockstep knows")
    }
    guard operation == two.operation, one.inputs.count == two.inputs.count else {
      throw ExportError("\(one.function) is another one for another number of samples")
    }
    (self.one, self.two, self.operation) = (one, two, operation)
  }

  var result: Tensor { one.result }
  func ints(_ name: String) -> [Int]? { if case .ints(let values)? = operation.settings[name] { values } else { nil } }
  func int(_ name: String) -> Int? { if case .int(let value)? = operation.settings[name] { value } else { nil } }
  func float(_ name: String) -> Double? {
    if case .float(let value)? = operation.settings[name] { value } else { nil }
  }
  /// The settings but for some.
  func settings(without names: String...) -> [String: TracedOperation.Setting] {
    operation.settings.filter { !names.contains($0.key) }
  }
}
