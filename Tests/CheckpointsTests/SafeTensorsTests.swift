import Foundation
import HDF5Files
import Lockstep
import Testing

@testable import Checkpoints
@testable import TestSupport

/// Files by name in `Fixtures`, which `make_fixtures.py` there has made.
func fixture(_ name: String) -> String {
  Bundle.module.bundleURL.appendingPathComponent("Fixtures/\(name)").path
}

/// Weights as Python's safetensors library writes and reads them.
@Suite struct SafeTensorsTests {
  @Test func readsEveryTypeThatPythonWrites() throws {
    let tensors = try SafeTensors.dictionary(fixture("types.safetensors"))
    func expect(_ name: String, _ shape: Shape, _ type: DType, _ values: [Double]) throws {
      let tensor = try #require(tensors[name])
      #expect(tensor.shape == shape && tensor.dtype == type, "\(name)")
      #expect(try tensor.values(as: Double.self) == values, "\(name)")
    }
    try expect("float64", [2, 3], .float64, [1.5, -2.25, 3e-3, 0.1, 65504, 0])
    try expect("float32", [2, 3], .float32, [1.5, -2.25, 3e-3, 0.1, 65504, 0].map { Double(Float($0)) })
    try expect("float16", [2, 3], .float32, [1.5, -2.25, 0.0030002593994140625, 0.0999755859375, 65504, 0])
    try expect("bfloat16", [2, 3], .float32, [1.5, -2.25, 0.0030059814453125, 0.10009765625, 65536, 0])
    #expect(try tensors["float16"]?.floats()[5].sign == .minus)
    try expect("int64", [2], .int64, [1_099_511_627_776, -1])
    try expect("int32", [2, 1], .int32, [7, -8])
    try expect("int16", [1], .int64, [-300])
    try expect("int8", [1], .int64, [-5])
    try expect("uint8", [1], .uint8, [200])
    try expect("bool", [2], .bool, [1, 0])
    try expect("scalar", [], .float32, [4.5])
    try expect("empty", [0, 3], .float32, [])
    try expect("häuser.\"1\"", [1], .float32, [1])
    #expect(tensors.count == 13)
  }

  @Test func comesBackBitForBit() throws {
    let folder = try TemporaryFolder()
    let odd = [0, -0.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 1 / 3, Float(bitPattern: 0x7FC1_2345)]
    let state: [(name: String, tensor: Tensor)] = [
      ("flags", Tensor([true, false, true])), ("0.weight", Tensor(odd, shape: [2, 3])),
      ("a \"b\"\\\n", Tensor([Int64.min])),
      ("transposed", Tensor(odd, shape: [2, 3]).transposed()), ("scalar", Tensor(Float(2))), ("none", .zeros([3, 0])),
    ]
    try SafeTensors.save(state, to: folder.file("w.safetensors"))
    let loaded = try SafeTensors.dictionary(folder.file("w.safetensors"))
    #expect(loaded.count == state.count)
    for (name, tensor) in state {
      let found = try #require(loaded[name])
      #expect(found.shape == tensor.shape && found.dtype == tensor.dtype)
      #expect(try SafeTensors.encode([("x", found)]) == SafeTensors.encode([("x", tensor)]))
    }
    // Wide elements first, each at a multiple of its size.
    let header = try SafeTensorsHeader(of: InputFile(folder.file("w.safetensors")))
    #expect(header.entries.first?.name == "a \"b\"\\\n")
    #expect(header.entries.allSatisfy { $0.bytes.lowerBound % $0.type.byteCount == 0 })
  }

  @Test(.enabled(if: Python.withSafeTensors != nil)) func pythonReadsIt() throws {
    let folder = try TemporaryFolder()
    let state: [(name: String, tensor: Tensor)] = [
      ("0.weight", Tensor([Float(1), 2, 3, 4], shape: [2, 2])), ("steps", Tensor(Int64(7))),
      ("ä", Tensor([Float(0.5)])),
    ]
    try SafeTensors.save(state, to: folder.file("w.safetensors"))
    let printed = try Python.run(
      """
      import sys
      from safetensors.numpy import load_file
      for name, array in sorted(load_file(sys.argv[1]).items()):
          print(name, array.dtype, array.shape, array.tolist())
      """, [folder.file("w.safetensors")], with: Python.withSafeTensors)
    #expect(printed == "0.weight float32 (2, 2) [[1.0, 2.0], [3.0, 4.0]]\nsteps int64 () 7\nä float32 (1,) [0.5]")
  }

  @Test func shardsByTheirIndex() throws {
    let weights = try StoredWeights.open(fixture("sharded/model.safetensors.index.json"))
    #expect(weights.entries.map(\.name).sorted() == ["0.bias", "0.weight", "2.bias", "2.weight"])
    let network = perceptron()
    try WeightFit(weights, network).apply()
    #expect(try network(Tensor([[Float(1), 1, 1]])).floats() == [2 * 3.5 - 3 * 11.5 + 1])
    // The folder stands for its index.
    #expect(try StoredWeights.open(fixture("sharded")).path.hasSuffix("index.json"))
  }

  @Test func indicesThatLie() throws {
    let folder = try TemporaryFolder()
    try SafeTensors.save([("a", .ones([1]))], to: folder.file("one.safetensors"))
    let cases: [(String, String)] = [
      (#"{"weight_map": {"a": "../one.safetensors"}}"#, "not a file of the index's folder"),
      (#"{"weight_map": {"a": "/etc/passwd"}}"#, "not a file of the index's folder"),
      (#"{"weight_map": {"a": ".."}}"#, "not a file of the index's folder"),
      (#"{"weight_map": {"a": ""}}"#, "not a file of the index's folder"),
      (#"{"weight_map": {"a": "two.safetensors"}}"#, "names a file that is missing"),
      (#"{"weight_map": {"b": "one.safetensors"}}"#, "b is in one.safetensors, which has no such tensor"),
      (#"{"weight_map": {"a": "one.safetensors", "a": "one.safetensors"}}"#, #"a second "a""#),
      (#"{"weight_map": {}}"#, "no weight_map"),
      (#"{"metadata": {}}"#, "no weight_map"),
      (#"{"weight_map": {"a": 3}}"#, "byte 21: expected '\"', found '3'"),
      (#"{"weight_map": {"a": "one.safetensors"}} x"#, "expected the end, found 'x'"),
    ]
    for (text, words) in cases {
      let path = try folder.put(Array(text.utf8), "model.safetensors.index.json")
      let error = #expect(throws: CheckpointError.self, "\(text)") { try StoredWeights.open(path) }
      #expect(error?.kind == .badData)
      #expect(error?.description.contains(words) == true, "\(error?.description ?? "nothing") for \(text)")
    }
  }

  private static let one = #""a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#
  private static let lies: [(header: String, data: Int, words: String)] = [
    ("{\(one)", 8, "expected '}', found the end"), ("[]", 0, "expected '{', found '['"),
    ("", 0, "expected '{', found the end"),
    ("{\(one),\(one)}", 8, #"a second "a""#), ("{\(one)}x", 8, "expected the end"),
    ("{\(one)}", 7, "a lies at 0…8, but the tensors have 7 bytes"),
    ("{\(one)}", 12, "the last 4 bytes belong to no tensor"),
    ("{}", 1, "the last 1 bytes belong to no tensor"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8, "4 bytes before a belong to no tensor"),
    (#"{\#(one),"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#, 12, "b begins within a"),
    (#"{\#(one),"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 8, "b begins within a"),
    (#"{\#(one),"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}"#, 16, "4 bytes before b belong to no tensor"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, 8, "lies at 8…0"),
    (#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, 8, "is F32 [3], 12 bytes, but lies at 0…8"),
    (#"{"a":{"dtype":"F64","shape":[2],"data_offsets":[0,8]}}"#, 8, "is F64 [2], 16 bytes"),
    (#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}"#, 8, "absurd shape"),
    (#"{"a":{"dtype":"F32","shape":[4611686018427387904,0],"data_offsets":[0,0]}}"#, 0, "absurd shape"),
    (#"{"a":{"dtype":"F32","shape":[0,4611686018427387904],"data_offsets":[0,0]}}"#, 0, "absurd shape"),
    (
      #"{"a":{"dtype":"U8","shape":[\#([String](repeating: "1", count: 33).joined(separator: ","))],"data_offsets":[0,1]}}"#,
      1, "absurd shape"
    ),
    (#"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#, 8, "expected a whole number from 0 on, found '-'"),
    (#"{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}"#, 8, "expected a whole number from 0 on"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9223372036854775808]}}"#, 8, "a number past 2^63"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9223372036854775807]}}"#, 8, "but the tensors have 8 bytes"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}"#, 8, "two data_offsets"),
    (#"{"a":{"dtype":"F32","shape":[2]}}"#, 8, "two data_offsets"), (#"{"a":[]}"#, 0, "expected '{', found '['"),
    (#"{"a":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}}"#, 8, "F8_E4M3, which Lockstep does not read"),
    (#"{"a":{"more":\#(String(repeating: "[", count: 200_000))}}"#, 0, "nested deeper than 32"),
    (#"{"a":{"more":\#(String(repeating: #"{"x":"#, count: 100_000))}}"#, 0, "nested deeper than 32"),
    (#"{"a":{"more":nothing}}"#, 0, "expected a value"), (#"{"__metadata__":{"a":1}}"#, 0, "expected '\"'"),
    (#"{"__metadata__":{"a":"\ud800"}}"#, 0, "half a character"), (#"{"__metadata__":{"a":"\x"}}"#, 0, "an escape"),
    (#"{"__metadata__":{"a":"\u00g0"}}"#, 0, "four hexadecimal digits"),
    ("{\"__metadata__\":{\"a\n\":\"\"}}", 0, "byte 10 within"),
    (#"{"a"#, 0, "a text without its end"),
  ]

  @Test(arguments: lies.indices) func headersThatLie(_ index: Int) throws {
    let (header, data, words) = Self.lies[index]
    try refuse(bytes(Array(header.utf8), data), words)
  }

  @Test func lengthsThatLie() throws {
    let one = Array("{\(Self.one)}".utf8)
    for length: UInt64 in [1 << 60, .max, 1 << 63, 1_000_000] {
      try refuse(bytes(one, 8, length: length), "a header of \(length) bytes, but only")
    }
    try refuse([], "0 bytes, not even its header's length")
    try refuse([1, 2, 3], "3 bytes, not even its header's length")
    try refuse(
      bytes(Array("{\"".utf8) + [0xFF, 0xFE] + Array("\":{}}".utf8), 0),
      "byte 9, in the header: a text that is no UTF-8")
  }

  /// A header that would fill the memory is refused by its length alone.
  @Test func aHeaderLongerThanAny() throws {
    let folder = try TemporaryFolder()
    let path = try folder.put(bytes([], 0, length: 150_000_000), "sparse.safetensors")
    #expect(truncate(path, 300_000_000) == 0)
    let error = #expect(throws: CheckpointError.self) { try StoredWeights.open(path) }
    #expect(error?.description.contains("150000000 bytes, but 100000000 are the most") == true)
  }

  @Test func otherFilesAreNamed() throws {
    let folder = try TemporaryFolder()
    for (start, words) in [
      ("PK\u{3}\u{4}", "a pickle of PyTorch's"), ("\u{80}\u{2}", "a pickle of PyTorch's"), ("{}", "no weight_map"),
    ] {
      let bytes = start.unicodeScalars.map { UInt8($0.value) } + [UInt8](repeating: 0, count: start == "{}" ? 0 : 64)
      let path = try folder.put(bytes, "w.bin")
      let error = #expect(throws: CheckpointError.self) { try StoredWeights.open(path) }
      #expect(error?.kind == .badData && error?.description.contains(words) == true, "\(String(describing: error))")
    }
    let missing = #expect(throws: FileError.self) { try StoredWeights.open(folder.file("missing")) }
    #expect(missing?.kind == .missingInput)
  }

  private func bytes(_ header: [UInt8], _ data: Int, length: UInt64? = nil) -> [UInt8] {
    withUnsafeBytes(of: (length ?? UInt64(header.count)).littleEndian) { Array($0) } + header
      + [UInt8](repeating: 0, count: data)
  }

  private func refuse(_ bytes: [UInt8], _ words: String) throws {
    let folder = try TemporaryFolder()
    let path = try folder.put(bytes, "w.safetensors")
    let error = #expect(throws: CheckpointError.self, "\(words)") { try SafeTensors.dictionary(path) }
    let text = error?.description ?? ""
    #expect(error?.kind == .badData && text.hasPrefix(path) && !text.contains("\n") && text.contains(words), "\(text)")
  }
}

/// As the fixtures have it: `[…, 3]` to `[…, 1]`.
func perceptron() -> Sequential { Sequential(Linear(3, 2), ReLU(), Linear(2, 1)) }
