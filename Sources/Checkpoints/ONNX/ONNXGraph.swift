import Networks
import Tensors

/// A graph of ONNX as it grows: operators, and the constants that they take. Field numbers are those of `onnx.proto3`.
struct ONNXGraph {
  /// The operators' version; what is used here has been the same since.
  static let (operatorSet, irVersion) = (17, 8)

  private var message = ProtobufMessage()
  private var names: Set<String> = []
  private var integerLists: [[Int]: String] = [:]
  private var numbers: [Double: String] = [:]
  /// Values that some operator takes.
  private(set) var used: Set<String> = []
  /// What operators are called by: the layer that they belong to.
  var layer = ""

  /// An operator that comes to one value, whose name is given back.
  mutating func add(
    _ type: String, _ inputs: [String], _ attributes: [String: TracedOperation.Setting] = [:]
  ) -> String {
    add(type, inputs, attributes, outputs: 1)[0]
  }

  /// An operator that comes to several values.
  mutating func add(
    _ type: String, _ inputs: [String], _ attributes: [String: TracedOperation.Setting] = [:], outputs count: Int
  ) -> [String] {
    let name = unique(layer.isEmpty ? type : "\(layer).\(type)")
    let outputs = (0..<count).map { count == 1 ? name : "\(name):\($0)" }
    write(type, name, inputs, attributes, outputs)
    return outputs
  }

  private mutating func write(
    _ type: String, _ name: String, _ inputs: [String], _ attributes: [String: TracedOperation.Setting],
    _ outputs: [String]
  ) {
    var node = ProtobufMessage()
    for input in inputs { node.add(1, input) }
    for output in outputs { node.add(2, output) }
    node.add(3, name)
    node.add(4, type)
    for (name, value) in attributes.sorted(by: { $0.key < $1.key }) { node.add(5, Self.attribute(name, value)) }
    message.add(1, node)
    used.formUnion(inputs)
  }

  private static func attribute(_ name: String, _ value: TracedOperation.Setting) -> ProtobufMessage {
    var attribute = ProtobufMessage()
    attribute.add(1, name)
    switch value {
    case .float(let number):
      attribute.add(2, Float(number))
      attribute.add(20, 1)
    case .int(let number):
      attribute.add(3, number)
      attribute.add(20, 2)
    case .text(let text):
      attribute.add(4, text)
      attribute.add(20, 3)
    case .ints(let numbers):
      for number in numbers { attribute.add(8, number) }
      attribute.add(20, 7)
    }
    return attribute
  }

  private mutating func unique(_ name: String) -> String {
    var (unique, count) = (name, 1)
    while !names.insert(unique).inserted {
      count += 1
      unique = "\(name)_\(count)"
    }
    return unique
  }

  /// A constant, under its name or one like it.
  mutating func constant(_ name: String, _ tensor: Tensor) throws -> String {
    let name = unique(name)
    var constant = ProtobufMessage()
    for extent in tensor.shape { constant.add(1, extent) }
    constant.add(2, Self.type(tensor.dtype))
    constant.add(8, name)
    constant.add(9, try Self.bytes(tensor))
    message.add(5, constant)
    return name
  }

  private static func bytes(_ tensor: Tensor) throws -> [UInt8] {
    func bytes<T: Element>(_ type: T.Type) throws -> [UInt8] {
      try tensor.withRowMajor(as: T.self) { Array(UnsafeRawBufferPointer($0)) }
    }
    return switch tensor.dtype {
    case .bool: try bytes(Bool.self)
    case .uint8: try bytes(UInt8.self)
    case .int32: try bytes(Int32.self)
    case .int64: try bytes(Int64.self)
    case .float32: try bytes(Float.self)
    case .float64: try bytes(Double.self)
    }
  }

  /// The number of a type in `TensorProto.DataType`.
  static func type(_ type: DType) -> Int {
    switch type {
    case .float32: 1
    case .uint8: 2
    case .int32: 6
    case .int64: 7
    case .bool: 9
    case .float64: 11
    }
  }

  /// A list of whole numbers, as axes and shapes are.
  mutating func integers(_ values: [Int]) throws -> String {
    if let known = integerLists[values] { return known }
    let name = try constant("integers", Tensor(values.map(Int64.init), shape: [values.count]))
    integerLists[values] = name
    return name
  }

  /// A float32 scalar.
  mutating func number(_ value: Double) throws -> String {
    if let known = numbers[value] { return known }
    let name = try constant("number", Tensor(Float(value)))
    numbers[value] = name
    return name
  }

  /// Whatever goes into the graph.
  mutating func input(_ name: String, _ type: DType, _ extents: [ONNXExtent]) {
    names.insert(name)
    message.add(11, Self.value(name, type, extents))
  }

  /// What comes out of it: a value, under a name of its own.
  mutating func output(_ name: String, of value: String, _ type: DType, _ extents: [ONNXExtent]) {
    layer = ""
    write("Identity", unique(name), [value], [:], [name])
    message.add(12, Self.value(name, type, extents))
  }

  private static func value(_ name: String, _ type: DType, _ extents: [ONNXExtent]) -> ProtobufMessage {
    var (shape, tensor, kind, value) = (
      ProtobufMessage(), ProtobufMessage(), ProtobufMessage(), ProtobufMessage()
    )
    for extent in extents {
      var dimension = ProtobufMessage()
      switch extent {
      case .fixed(let count): dimension.add(1, count)
      case .samples(1): dimension.add(2, "batch")
      case .samples(let times): dimension.add(2, "\(times)*batch")
      }
      shape.add(1, dimension)
    }
    tensor.add(1, Self.type(type))
    tensor.add(2, shape)
    kind.add(1, tensor)
    value.add(1, name)
    value.add(2, kind)
    return value
  }

  /// The whole file.
  func model(named name: String, _ properties: [(String, String)]) -> [UInt8] {
    var (graph, operators, model) = (message, ProtobufMessage(), ProtobufMessage())
    graph.add(2, name)
    operators.add(1, "")
    operators.add(2, Self.operatorSet)
    model.add(1, Self.irVersion)
    model.add(2, "lockstep")
    model.add(7, graph)
    model.add(8, operators)
    for (key, value) in properties {
      var property = ProtobufMessage()
      property.add(1, key)
      property.add(2, value)
      model.add(14, property)
    }
    return model.bytes
  }
}

/// An extent of a value: always the same, or so many times the number of samples.
enum ONNXExtent: Equatable {
  case fixed(Int)
  case samples(Int)
}
