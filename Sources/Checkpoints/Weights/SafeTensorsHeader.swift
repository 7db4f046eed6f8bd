import HDF5Files
import Tensors

/// What a safetensors file says of its tensors: eight bytes with the header's length, the header in JSON, and the tensors'
/// bytes, each tensor's behind those of the one before.
///
/// All of it is checked before any memory is taken for a tensor: the length against the file's, names, types and shapes, and
/// that the tensors lie in the rest of the file side by side, without a gap and without sharing a byte.
struct SafeTensorsHeader {
  /// A tensor of the file.
  struct Entry {
    let name: String
    let type: SafeTensorsType
    let shape: Shape
    /// Where its bytes lie in the file.
    let bytes: Range<Int>
  }

  /// As the format's own library has it: what describes tensors is never longer.
  static let mostBytes = 100_000_000
  /// As HDF5 has it.
  static let mostAxes = 32

  /// In the order in which they lie in the file.
  let entries: [Entry]

  /// - Throws: `CheckpointError` with the place of what is wrong.
  init(of file: InputFile) throws {
    let start = try file.bytes(at: 0, count: 8)
    guard start.count == 8 else {
      throw CheckpointError(
        file.path, "is no safetensors file: it has \(start.count) bytes, not even its header's length")
    }
    let stated = start.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard let count = Int(exactly: stated), count <= file.byteCount - 8 else {
      throw CheckpointError(
        file.path, "byte 0: a header of \(stated) bytes, but only \(file.byteCount - 8) come behind its length")
    }
    guard count <= Self.mostBytes else {
      throw CheckpointError(file.path, "byte 0: a header of \(count) bytes, but \(Self.mostBytes) are the most")
    }
    let text = try file.bytes(at: 8, count: count)
    guard text.count == count else { throw CheckpointError(file.path, "was cut short while it was read") }
    let path = file.path
    var reader = JSONReader(text) { CheckpointError(path, "byte \($0 + 8), in the header: \($1)") }
    let data = 8 + count..<file.byteCount
    var entries: [Entry] = []
    try reader.members { name, reader in
      if name == "__metadata__" { return try reader.members { _, reader in _ = try reader.string() } }
      entries.append(try Self.entry(name, &reader, data))
    }
    try reader.end()
    self.entries = try Self.sideBySide(entries, data, path)
  }

  /// `{"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}`, whose offsets count from the header's end.
  private static func entry(_ name: String, _ reader: inout JSONReader, _ data: Range<Int>) throws -> Entry {
    let start = reader.place
    var type: String?
    var (shape, offsets): ([Int]?, [Int]?) = (nil, nil)
    try reader.members { member, reader in
      switch member {
      case "dtype": type = try reader.string()
      case "shape": shape = try reader.integers()
      case "data_offsets": offsets = try reader.integers()
      default: try reader.skip()
      }
    }
    func failure(_ what: String) -> CheckpointError { reader.failure(at: start, "\(name.inOneLine) \(what)") }
    guard let type, let shape, let offsets, offsets.count == 2 else {
      throw failure("needs a dtype, a shape and two data_offsets")
    }
    guard let element = SafeTensorsType(rawValue: type) else {
      throw failure("is of the type \(type.inOneLine), which Lockstep does not read")
    }
    guard shape.count <= mostAxes, let count = byteCount(shape, element) else {
      throw failure("has the absurd shape [\(shape.map(String.init).listed())]")
    }
    guard offsets[0] <= offsets[1], offsets[1] <= data.count else {
      throw failure("lies at \(offsets[0])…\(offsets[1]), but the tensors have \(data.count) bytes")
    }
    guard offsets[1] - offsets[0] == count else {
      throw failure("is \(type) \(shape), \(count) bytes, but lies at \(offsets[0])…\(offsets[1])")
    }
    let bytes = data.lowerBound + offsets[0]..<data.lowerBound + offsets[1]
    return Entry(name: name, type: element, shape: Shape(shape), bytes: bytes)
  }

  /// Nil where no memory could hold such a tensor, or one with all of its extents but those of 0.
  private static func byteCount(_ shape: [Int], _ type: SafeTensorsType) -> Int? {
    var most = 16 * 8
    for extent in shape {
      let (product, overflows) = most.multipliedReportingOverflow(by: max(extent, 1))
      if overflows { return nil }
      most = product
    }
    return shape.reduce(type.byteCount, *)
  }

  private static func sideBySide(_ entries: [Entry], _ data: Range<Int>, _ path: String) throws -> [Entry] {
    let sorted = entries.sorted {
      ($0.bytes.lowerBound, $0.bytes.upperBound) < ($1.bytes.lowerBound, $1.bytes.upperBound)
    }
    var end = data.lowerBound
    for (index, entry) in sorted.enumerated() {
      if entry.bytes.lowerBound < end {
        throw CheckpointError(
          path,
          "byte \(entry.bytes.lowerBound): \(entry.name.inOneLine) begins within \(sorted[index - 1].name.inOneLine)")
      }
      if entry.bytes.lowerBound > end {
        throw CheckpointError(
          path, "byte \(end): \(entry.bytes.lowerBound - end) bytes before \(entry.name.inOneLine) belong to no tensor")
      }
      end = entry.bytes.upperBound
    }
    guard end == data.upperBound else {
      throw CheckpointError(path, "byte \(end): the last \(data.upperBound - end) bytes belong to no tensor")
    }
    return sorted
  }
}
