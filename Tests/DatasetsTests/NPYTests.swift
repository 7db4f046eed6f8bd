import Foundation
import HDF5Files
import Testing

@testable import Datasets
@testable import TestSupport

@Suite struct NPYTests {
  /// A file as `numpy.save` writes it.
  static func npy(_ descr: String, _ shape: String, _ data: [UInt8], version: UInt8 = 1, fortran: String = "False")
    -> [UInt8]
  {
    var header = "{'descr': \(descr), 'fortran_order': \(fortran), 'shape': \(shape), }"
    let prefix = version == 1 ? 10 : 12
    header += String(repeating: " ", count: 63 - (prefix + header.utf8.count) % 64) + "\n"
    let length = (0..<(version == 1 ? 2 : 4)).map { UInt8(truncatingIfNeeded: header.utf8.count >> (8 * $0)) }
    return [0x93] + Array("NUMPY".utf8) + [version, 0] + length + Array(header.utf8) + data
  }

  static func bytes<T>(_ numbers: [T]) -> [UInt8] { numbers.withUnsafeBytes { Array($0) } }

  /// A whole array.
  private struct Whole {
    let header: NPYHeader
    let rowShape: [Int]
    let count: Int
    var numbers: [Double] = []
    var integers: [Int64] = []
  }

  private func read(_ bytes: [UInt8]) throws -> Whole {
    let folder = try TemporaryFolder()
    let array = try NPYReader(file: folder.put(bytes, "a.npy"))
    var whole = Whole(header: array.header, rowShape: array.rowShape, count: array.count)
    try array.forEachPiece { _, piece in
      whole.numbers += array.numbers(piece)
      whole.integers += array.header.element.integers(piece)
    }
    return whole
  }

  @Test(arguments: [1, 2, 3] as [UInt8]) func versions(_ version: UInt8) throws {
    let array = try read(Self.npy("'<f4'", "(2, 3)", Self.bytes([1, 2, 3, 4, 5, 6] as [Float]), version: version))
    #expect(array.header.element == .float32)
    #expect(array.header.shape == [2, 3] && array.rowShape == [3])
    #expect(array.numbers == [1, 2, 3, 4, 5, 6])
  }

  @Test func typesAndOrdersOfBytes() throws {
    func check<T: FixedWidthInteger>(_ code: String, _ numbers: [T], _ element: ArrayElement) throws {
      let little = try read(Self.npy("'<\(code)'", "(2,)", Self.bytes(numbers.map(\.littleEndian))))
      let big = try read(Self.npy("'>\(code)'", "(2,)", Self.bytes(numbers.map(\.bigEndian))))
      for array in [little, big] {
        #expect(array.header.element == element)
        #expect(array.integers == numbers.map { Int64(clamping: $0) }, "\(code)")
      }
    }
    try check("i1", [Int8.min, 5], .int8)
    try check("i2", [Int16.min, 5], .int16)
    try check("i4", [Int32.min, 5], .int32)
    try check("i8", [Int64.min, 5], .int64)
    try check("u1", [UInt8.max, 5], .uint8)
    try check("u2", [UInt16.max, 5], .uint16)
    try check("u4", [UInt32.max, 5], .uint32)
    try check("u8", [UInt64.max, 5], .uint64)
    #expect(try read(Self.npy("'|b1'", "(3,)", [1, 0, 1])).integers == [1, 0, 1])
    let halves: [UInt16] = [0x3C00, 0xC000]
    #expect(try read(Self.npy("'<f2'", "(2,)", Self.bytes(halves))).numbers == [1, -2])
    #expect(try read(Self.npy("'>f2'", "(2,)", Self.bytes(halves.map(\.bigEndian)))).numbers == [1, -2])
    let doubles = [1.5, -0.25].map(\.bitPattern.bigEndian)
    #expect(try read(Self.npy("'>f8'", "(2,)", Self.bytes(doubles))).numbers == [1.5, -0.25])
    #expect(try read(Self.npy("'<i4'", "(0, 3)", [])).count == 0)
    // Python 2's.
    #expect(try read(Self.npy("'<i4'", "(2L,)", Self.bytes([7, 8] as [Int32]))).integers == [7, 8])
  }

  static let bad: [(bytes: [UInt8], words: String)] = [
    ([], "is no NumPy array"),
    (Array("not an array at all".utf8), "is no NumPy array"),
    (npy("'<f4'", "(2,)", bytes([1, 2] as [Float]), version: 9), "version 9"),
    (Array(npy("'<f4'", "(2,)", []).prefix(40)), "truncated within its header"),
    ([0x93] + Array("NUMPY".utf8) + [2, 0, 0xFF, 0xFF, 0xFF, 0x7F], "no array's is so long"),
    (npy("'<f4'", "(2,)", [0, 0, 0]), "has 3 bytes of numbers, but [2] of float32 takes 8"),
    (npy("'<f4'", "(2,)", [UInt8](repeating: 0, count: 9)), "has 9 bytes of numbers"),
    (npy("'<f4'", "(99999999999, 99999999999)", []), "absurd shape"),
    (npy("'<f4'", "(99999999999999999999,)", []), "absurd shape"),
    (npy("'<f4'", "(4611686018427387904, 4, 0)", []), "absurd shape"),
    (npy("'<f4'", "(2, 3)", [UInt8](repeating: 0, count: 24), fortran: "True"), "lies in Fortran order"),
    (npy("'|O'", "(2,)", [0]), "holds pickled Python objects, which are never read"),
    (npy("[('a', '<i4')]", "(2,)", [0]), "holds records"),
    (npy("'<U3'", "(2,)", [0]), "holds numbers of the type \"<U3\""),
    (npy("'<c8'", "(2,)", [0]), "holds numbers of the type"), (npy("'<f16'", "(2,)", [0]), "of the type"),
    (npy("'<f4'", "(-2,)", []), "no whole number"), (npy("'<f4'", "(2,", []), "its header"),
    (npy("3", "(2,)", []), "its header can't be read"),
    (npy("'<f4'", "()", bytes([1] as [Float])), "is a single number"),
    (npy("'<f4'", "(2,)", bytes([1, Float.nan])), "row 1: nan is no finite number"),
    (npy("'<f8'", "(2, 2)", bytes([1, 2, 3, 1e39])), "row 1: inf is no finite number of float32"),
    (npy("'<f4', 'descr': '<f8'", "(2,)", []), "says \"descr\" twice"),
  ]

  @Test(arguments: bad.indices) func badArrays(_ index: Int) throws {
    let found = message { _ = try read(Self.bad[index].bytes) }
    #expect(found?.contains(Self.bad[index].words) == true, "\(found ?? "nothing")")
    #expect(found?.contains("\n") != true)
  }

  /// Arrays of many pieces, from which every number comes once, with its row in messages.
  @Test func piecesOfLargeArrays() throws {
    let numbers = (0..<700_000).map { Int32($0 * 7 % 1000) }
    #expect(
      try read(Self.npy("'>i4'", "(700000,)", Self.bytes(numbers.map(\.bigEndian)))).integers == numbers.map(Int64.init)
    )
    var floats = numbers.map { Float($0) }
    #expect(try read(Self.npy("'<f4'", "(70000, 2, 5)", Self.bytes(floats))).numbers == floats.map(Double.init))
    floats[650_003] = .infinity
    let found = message { _ = try read(Self.npy("'<f4'", "(70000, 10)", Self.bytes(floats))) }
    #expect(found?.contains("row 65000: inf is no finite number") == true, "\(found ?? "nothing")")
    let large = message { _ = try read(Self.npy("'<f4'", "(1, 20000000)", [UInt8](repeating: 0, count: 80_000_000))) }
    #expect(large?.contains("has samples of 80000000 bytes, more than 64 MB") == true, "\(large ?? "nothing")")
  }

  @Test func arraysBecomeAFile() throws {
    let folder = try TemporaryFolder()
    func put(_ name: String, _ bytes: [UInt8]) throws -> String { try folder.put(bytes, name) }
    let inputs = try put("x.npy", Self.npy("'<f2'", "(3, 2)", Self.bytes([0x3C00, 0, 0, 0, 0, 0xC000] as [UInt16])))
    let targets = try put("y.npy", Self.npy("'>i2'", "(3, 1)", Self.bytes([2, 0, 1].map { Int16($0).bigEndian })))
    let weights = try put("w.npy", Self.npy("'<f8'", "(3,)", Self.bytes([1.0, 2, 3])))
    var converter = NPYConverter(
      train: .init(inputs: inputs, targets: targets, weights: weights), test: .init(inputs: inputs))
    let summary = try converter.convert(to: folder.file("a.h5"))
    #expect(summary.trainCount == 3 && summary.testCount == 3 && summary.outputs == .classes(3))
    let file = try HDF5File.open(folder.file("a.h5"))
    #expect(try file.elementType(of: "/train/inputs") == .float16)
    #expect(try file.elementType(of: "/train/targets") == .int16)
    #expect(try file.shape(of: "/train/targets") == [3])
    let arrays = try #require(try ArrayFile.open(folder.file("a.h5")))
    let batch = try arrays.streamed("train").batch([2, 0])
    #expect(try batch.inputs.floats() == [0, -2, 1, 0])
    #expect(try batch.targets.values(as: Int64.self) == [1, 2])
    let found = try batch.weights?.floats()
    #expect(found == [1.5, 0.5] as [Float])
    #expect(!arrays.isLabelled("test"))

    converter = NPYConverter(train: .init(inputs: inputs, targets: weights))
    #expect(try converter.convert(to: folder.file("b.h5")).outputs == .numbers(1))
    let short = try put("s.npy", Self.npy("'<i2'", "(2,)", [0, 0, 1, 0]))
    let from1 = try put("o.npy", Self.npy("'<i2'", "(3,)", [1, 0, 2, 0, 3, 0]))
    for (targets, words) in [(short, "has 2 rows, but"), (from1, "expected classes from 0 to 3, but 0 never occurs")] {
      let found = message {
        _ = try NPYConverter(train: .init(inputs: inputs, targets: targets)).convert(to: folder.file("c.h5"))
      }
      #expect(found?.contains(words) == true && found?.contains(targets) == true, "\(found ?? "nothing")")
      #expect(try !folder.names.contains("c.h5"))
    }
  }

  /// A zip file of members that are stored as they are.
  static func zip(_ members: [(name: String, bytes: [UInt8])], checksum: UInt32? = nil, size: UInt32? = nil) -> [UInt8]
  {
    func number<T: FixedWidthInteger>(_ value: T) -> [UInt8] { bytes([value.littleEndian]) }
    var (file, directory) = ([UInt8](), [UInt8]())
    for (name, content) in members {
      let sum = checksum ?? content.withUnsafeBytes { UInt32(Checksum.crc32($0)) }
      let (count, offset) = (size ?? UInt32(content.count), UInt32(file.count))
      let common: [UInt8] =
        number(UInt16(0)) + number(UInt16(0)) + [0, 0, 0, 0] + number(sum) + number(count) + number(count)
      file += number(UInt32(0x0403_4B50)) + [20, 0] + common + number(UInt16(name.utf8.count)) + [0, 0]
      file += Array(name.utf8) + content
      directory += number(UInt32(0x0201_4B50)) + [20, 0, 20, 0] + common + number(UInt16(name.utf8.count))
      directory += [UInt8](repeating: 0, count: 12) + number(offset) + Array(name.utf8)
    }
    let start = UInt32(file.count)
    file += directory + number(UInt32(0x0605_4B50)) + [0, 0, 0, 0] + number(UInt16(members.count))
    return file + number(UInt16(members.count)) + number(UInt32(directory.count)) + number(start) + [0, 0]
  }

  private static let x = npy("'<f4'", "(2, 1)", bytes([1, 2] as [Float]))
  private static let y = npy("'|u1'", "(2,)", [1, 0])

  @Test(arguments: [("x_train", "y_train"), ("X", "y"), ("inputs", "targets"), ("train_data", "train_labels")])
  func archivesByTheirUsualNames(_ inputs: String, _ targets: String) throws {
    let folder = try TemporaryFolder()
    let path = try folder.put(Self.zip([("\(targets).npy", Self.y), ("\(inputs).npy", Self.x)]), "a.npz")
    let summary = try NPYConverter(archive: path).convert(to: folder.file("a.h5"))
    #expect(summary.trainCount == 2 && summary.testCount == 0 && summary.outputs == .classes(2))
  }

  @Test func archivesByName() throws {
    let folder = try TemporaryFolder()
    let path = try folder.put(Self.zip([("a.npy", Self.x), ("b.npy", Self.y), ("x_test.npy", Self.x)]), "a.npz")
    let converter = try NPYConverter(archive: path, train: .init(inputs: "a", targets: "b"))
    let summary = try converter.convert(to: folder.file("a.h5"))
    #expect(summary.testCount == 0)
    let found = message {
      _ = try NPYConverter(archive: path, train: .init(inputs: "c")).convert(to: folder.file("b.h5"))
    }
    #expect(found?.contains("has no array \"c\"; it has: a, b, x_test") == true, "\(found ?? "nothing")")
    let other = try folder.put(Self.zip([("a.npy", Self.x)]), "b.npz")
    let unknown = message { _ = try NPYConverter(archive: other) }
    #expect(unknown?.contains("--inputs and --targets") == true, "\(unknown ?? "nothing")")
  }

  @Test func badArchives() throws {
    let good = Self.zip([("x.npy", Self.x)])
    var method = good
    let directory = good.count - 22 - 46 - 5
    method[directory + 10] = 12
    var encrypted = good
    encrypted[directory + 8] = 1
    var offset = good
    offset[directory + 45] = 0x7F
    for (bytes, words) in [
      ([], "is no zip file"), (Array("PK".utf8), "is no zip file"), (Array(good.dropLast(30)), "is no zip file"),
      (Self.zip([("x.npy", Self.x)], checksum: 1), "does not match its checksum"),
      (Self.zip([("x.npy", Self.x)], size: 0x7FFF_FFFF), "but the file ends before"),
      (Self.zip([("x.npy", Self.x), ("x.npy", Self.x)]), "two members of the name"),
      (method, "packed by the method 12"), (encrypted, "is encrypted"), (offset, "expected the header of a member"),
    ] as [([UInt8], String)] {
      let folder = try TemporaryFolder()
      let path = try folder.put(bytes, "a.npz")
      let found = message { _ = try NPYConverter(archive: path).convert(to: folder.file("a.h5")) }
      #expect(found?.contains(words) == true, "\(found ?? "nothing"), expected \(words)")
    }
  }
}
