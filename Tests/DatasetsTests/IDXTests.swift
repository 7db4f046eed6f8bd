import Foundation
import HDF5Files
import Testing

@testable import Datasets
@testable import TestSupport

/// Builds IDX files and packs them, for the tests of what reads them.
enum IDX {
  static func bytes(_ type: UInt8, _ shape: [UInt32], _ data: [UInt8]) -> [UInt8] {
    let sizes = shape.flatMap { size in (0..<4).map { UInt8(size >> (24 - 8 * $0) & 255) } }
    return [0, 0, type, UInt8(shape.count)] + sizes + data
  }

  /// The bytes as the `gzip` program packs them.
  static func gzip(_ bytes: [UInt8], in folder: TemporaryFolder) throws -> [UInt8] {
    let path = try folder.put(bytes, "pack-\(UUID().uuidString)")
    let result = try Program.run("/usr/bin/env", ["gzip", "-n", "-f", path])
    #expect(result.status == 0, "\(result.errors)")
    return try InputFile.bytes(of: "\(path).gz")
  }
}

@Suite struct GzipTests {
  private static let data = (0..<600_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 5) }

  private func readAll(_ path: String) throws -> [UInt8] {
    let reader = try GzipReader(path)
    var all: [UInt8] = []
    while true {
      let piece = try reader.read(upTo: 70_001)
      if piece.isEmpty { return all }
      all += piece
    }
  }

  @Test func plainPackedAndJoinedFiles() throws {
    let folder = try TemporaryFolder()
    let packed = try IDX.gzip(GzipTests.data, in: folder)
    #expect(packed.count < GzipTests.data.count)
    #expect(try readAll(folder.put(GzipTests.data, "plain")) == GzipTests.data)
    #expect(try readAll(folder.put(packed, "packed.gz")) == GzipTests.data)
    #expect(try readAll(folder.put(packed + packed, "joined.gz")) == GzipTests.data + GzipTests.data)
    #expect(try readAll(folder.put([], "empty")) == [])
    #expect(try readAll(folder.put([0x1f], "one")) == [0x1f])
    #expect(try readAll(folder.put(IDX.gzip([], in: folder), "nothing.gz")) == [])
  }

  @Test func storedBytesAreSeenInOrder() throws {
    let folder = try TemporaryFolder()
    let packed = try IDX.gzip(GzipTests.data, in: folder)
    var seen: [UInt8] = []
    let reader = try GzipReader(folder.put(packed, "packed.gz")) { seen += Array($0) }
    #expect(try reader.read(upTo: GzipTests.data.count) == GzipTests.data)
    #expect(try reader.read(upTo: 1) == [])
    #expect(seen == packed)
  }

  @Test func truncationIsFoundWhereverItIs() throws {
    let folder = try TemporaryFolder()
    let packed = try IDX.gzip(Array(GzipTests.data.prefix(3000)), in: folder)
    for count in 2..<packed.count {
      let path = try folder.put(Array(packed[..<count]), "cut.gz")
      #expect(message { _ = try readAll(path) } == "\(path): truncated: ends at byte \(count), within the gzip data")
    }
  }

  @Test func corruptionIsFoundAndPlaced() throws {
    let folder = try TemporaryFolder()
    var packed = try IDX.gzip(GzipTests.data, in: folder)
    packed[packed.count / 2] ^= 0xff
    let path = try folder.put(packed, "corrupt.gz")
    let error = #expect(throws: InputError.self) { _ = try readAll(path) }
    #expect(error?.what.hasPrefix("byte ") == true && error?.what.contains("corrupt gzip data (") == true)
    #expect(error?.kind == .badData)
    let tail = try folder.put(IDX.gzip([1, 2, 3], in: folder) + Array("tail".utf8), "tail.gz")
    #expect(message { _ = try readAll(tail) }?.hasSuffix("corrupt gzip data (incorrect header check)") == true)
  }
}

@Suite struct IDXTests {
  @Test func typesAndShapes() throws {
    let folder = try TemporaryFolder()
    let path = try folder.put(IDX.bytes(0x08, [2, 1, 3], [1, 2, 3, 4, 5, 255]), "x")
    let file = try IDXFile(path)
    #expect(file.shape == [2, 1, 3] && file.elementType == .uint8 && file.bytes == [1, 2, 3, 4, 5, 255])
    #expect(try file.integers() == [1, 2, 3, 4, 5, 255])
    let packed = try IDXFile(folder.put(IDX.gzip(IDX.bytes(0x08, [3], [7, 8, 9]), in: folder), "x.gz"))
    #expect(packed.bytes == [7, 8, 9])
    #expect(try IDXFile(folder.put(IDX.bytes(0x09, [2], [0xff, 1]), "x")).integers() == [-1, 1])
    #expect(try IDXFile(folder.put(IDX.bytes(0x0b, [2], [0xff, 0xfe, 1, 0]), "x")).integers() == [-2, 256])
    #expect(try IDXFile(folder.put(IDX.bytes(0x0c, [1], [0xff, 0xff, 0xff, 0xfd]), "x")).integers() == [-3])
    #expect(try IDXFile(folder.put(IDX.bytes(0x08, [0, 28, 28], []), "x")).shape == [0, 28, 28])
    let float = try IDXFile(folder.put(IDX.bytes(0x0d, [1], [0x3f, 0x80, 0, 0]), "x"))
    #expect(float.elementType == .float32)
    #expect(throws: InputError.self) { try float.integers() }
    #expect(try IDXFile(folder.put(IDX.bytes(0x0e, [1], [UInt8](repeating: 0, count: 8)), "x")).bytes.count == 8)
  }

  /// Each kind of bad file and the line it gives, after the file's name.
  @Test(arguments: [
    ([], "no IDX file: expected a header of 4 bytes, found 0 bytes"),
    (
      Array("hello".utf8),
      "no IDX file: expected the magic number 00 00, type (08…0e), number of axes; found 68 65 6c 6c"
    ),
    (
      [0, 0, 0x0a, 1, 0, 0, 0, 0],
      "no IDX file: expected the magic number 00 00, type (08…0e), number of axes; found 00 00 0a 01"
    ),
    ([0, 0, 8, 3, 0, 0, 0, 1], "truncated: 3 axes need a header of 16 bytes, found 8"),
    (
      IDX.bytes(0x08, [2, 3], [1, 2, 3, 4, 5]),
      "truncated: the shape [2, 3] of uint8 needs 6 bytes of data, found 5"
    ),
    (IDX.bytes(0x08, [2], [1, 2, 3]), "trailing bytes: the shape [2] of uint8 needs 2 bytes of data, found more"),
    (
      IDX.bytes(0x08, [.max, .max, .max], []),
      "the shape [4294967295, 4294967295, 4294967295] overflows: more than 2^63 bytes"
    ),
    (
      IDX.bytes(0x0c, [.max], [1]),
      "truncated: the shape [4294967295] of int32 needs 17179869180 bytes, found 9 bytes"
    ),
  ])
  func badFiles(bytes: [UInt8], expected: String) throws {
    let folder = try TemporaryFolder()
    let path = try folder.put(bytes, "bad-idx")
    #expect(message { _ = try IDXFile(path) } == "\(path): \(expected)")
  }

  @Test func aBombCostsNothing() throws {
    let folder = try TemporaryFolder()
    let bomb = try IDX.gzip(IDX.bytes(0x08, [10], [UInt8](repeating: 0, count: 30_000_000)), in: folder)
    let path = try folder.put(bomb, "bomb.gz")
    let found = "trailing bytes: the shape [10] of uint8 needs 10 bytes of data, found more"
    #expect(message { _ = try IDXFile(path) } == "\(path): \(found)")
    let liar = try folder.put(IDX.gzip(IDX.bytes(0x08, [.max, 1000], []), in: folder), "liar.gz")
    #expect(message { _ = try IDXFile(liar) }?.contains("needs 4294967295000 bytes, found") == true)
  }

  @Test func missingFile() {
    #expect(message { _ = try IDXFile("/no/such/idx.gz") } == "/no/such/idx.gz: no such file")
  }
}
