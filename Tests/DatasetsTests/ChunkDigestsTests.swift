import Foundation
import HDF5Files
import Testing

@testable import Datasets

@Suite struct ChunkDigestsTests {
  /// Ten rows of three numbers, in chunks of `rows`.
  private func digests(_ numbers: [Int32], rows: Int) -> ChunkDigests {
    var digests = ChunkDigests(rows: rows, of: .int32)
    numbers.withUnsafeBytes { bytes in
      for start in stride(from: 0, to: bytes.count, by: rows * 12) {
        digests.append(UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + rows * 12, bytes.count)]))
      }
    }
    return digests
  }

  @Test(arguments: [1, 2, 3, 4, 5, 9, 10, 64]) func chunksCombineToTheWhole(_ rows: Int) {
    let numbers = (0..<30).map { Int32($0 * $0 * 7919) }
    let whole = numbers.withUnsafeBytes(Checksum.crc32)
    #expect(digests(numbers, rows: rows).combined(rowBytes: 12, count: 10) == whole)
  }

  @Test func nothingCombinesToNothing() {
    let none = ChunkDigests(rows: 4, of: .uint8)
    #expect(none.combined(rowBytes: 3, count: 0) == [UInt8]().withUnsafeBytes(Checksum.crc32))
  }

  @Test func rangesEndWithTheArray() {
    let digests = digests((0..<30).map { Int32($0) }, rows: 4)
    #expect((0..<3).map { digests.range(ofChunk: $0, count: 10) } == [0..<4, 4..<8, 8..<10])
  }

  @Test func filesKeepThem() throws {
    let numbers = (0..<30).map { Int32($0) }
    let digests = digests(numbers, rows: 4)
    let file = try HDF5File.inMemory()
    try file.write(numbers, shape: [10, 3], to: "/train/images")
    // Text that came before is sealed already.
    try file.sealText()
    try digests.write(file, "train", "images")
    let read = try HDF5File.open(image: file.image())
    try read.verifyText()
    #expect(try ChunkDigests.read(read, "train", "images") == digests)
    #expect(try ChunkDigests.read(read, "train", "labels") == nil)
  }

  @Test func digestsOfAnotherArrayAreRefused() throws {
    let file = try HDF5File.inMemory()
    try file.write((0..<36).map { Int32($0) }, shape: [12, 3], to: "/train/images")
    try digests((0..<30).map { Int32($0) }, rows: 2).write(file, "train", "images")
    let read = try HDF5File.open(image: file.image(), name: "a.h5")
    #expect {
      _ = try ChunkDigests.read(read, "train", "images")
    } throws: {
      "\($0)" == "a.h5: /train/digests/images: expected uint32 of the shape [6], found uint32 of [5]"
    }
  }
}
