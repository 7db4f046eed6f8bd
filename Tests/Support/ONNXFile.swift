/// What a file of ONNX holds, as far as tests look: fields of protocol buffers by their numbers.
struct ONNXFile {
  struct Node: Equatable {
    let type, name: String
    let inputs, outputs: [String]
  }

  let irVersion, operatorSet: Int
  let nodes: [Node]
  let initializers: [String: [Int]]
  /// Names and extents, where a text is an open one.
  let inputs, outputs: [String: [String]]

  init(_ bytes: [UInt8]) {
    let model = Fields(bytes)
    let graph = Fields(model.data(7)[0])
    irVersion = model.numbers(1)[0]
    operatorSet = Fields(model.data(8)[0]).numbers(2)[0]
    nodes = graph.data(1).map(Fields.init).map { node in
      Node(type: node.texts(4)[0], name: node.texts(3)[0], inputs: node.texts(1), outputs: node.texts(2))
    }
    let constants = graph.data(5).map(Fields.init).map { ($0.texts(8)[0], $0.numbers(1)) }
    initializers = Dictionary(constants) { first, _ in first }
    (inputs, outputs) = (Self.values(graph.data(11)), Self.values(graph.data(12)))
  }

  private static func values(_ values: [[UInt8]]) -> [String: [String]] {
    let pairs = values.map(Fields.init).map { value -> (String, [String]) in
      let tensor = Fields(Fields(value.data(2)[0]).data(1)[0])
      let extents = tensor.data(2).flatMap { Fields($0).data(1) }.map(Fields.init)
      return (value.texts(1)[0], extents.map { $0.texts(2).first ?? "\($0.numbers(1).first ?? -1)" })
    }
    return Dictionary(pairs) { first, _ in first }
  }

  /// A value that an operator takes before anything has made it; nil where the graph is in order.
  var firstUnknown: String? {
    var known = Set(initializers.keys).union(inputs.keys).union([""])
    for node in nodes {
      if let unknown = node.inputs.first(where: { !known.contains($0) }) { return "\(unknown) of \(node.name)" }
      known.formUnion(node.outputs)
    }
    return outputs.keys.first { !known.contains($0) }
  }
}

/// A message's fields.
private struct Fields {
  private var numbers: [Int: [Int]] = [:]
  private var data: [Int: [[UInt8]]] = [:]

  init(_ bytes: [UInt8]) {
    var place = 0
    func varint() -> Int {
      var (value, shift) = (UInt64(0), UInt64(0))
      while place < bytes.count {
        let byte = bytes[place]
        place += 1
        value |= UInt64(byte & 0x7F) << shift
        shift += 7
        if byte < 0x80 { break }
      }
      return Int(truncatingIfNeeded: value)
    }
    while place < bytes.count {
      let key = varint()
      switch key & 7 {
      case 0: numbers[key >> 3, default: []].append(varint())
      case 2:
        let count = varint()
        data[key >> 3, default: []].append(Array(bytes[place..<place + count]))
        place += count
      default: place += 4
      }
    }
  }

  func numbers(_ field: Int) -> [Int] { numbers[field] ?? [] }
  func data(_ field: Int) -> [[UInt8]] { data[field] ?? [] }
  func texts(_ field: Int) -> [String] { data(field).map { String(decoding: $0, as: UTF8.self) } }
}
