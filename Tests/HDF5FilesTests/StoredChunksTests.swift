import CHDF5
import Foundation
import Testing

@testable import HDF5Files
@testable import TestSupport

/// Chunks that are checked and unpacked beside libhdf5: what it reads is the yardstick.
@Suite struct StoredChunksTests {
  private static func rows(_ path: String) throws -> HDF5Rows { try HDF5File.open(path).rows(of: "/x") }

  /// A file with `/x` in chunks through filters in the given order: f for Fletcher32, s for shuffle, g for gzip. Rows for
  /// which there are no numbers are left out.
  private static func write(
    _ path: String, _ numbers: [Int32], shape: [Int], chunk: [Int], _ filters: String
  ) {
    HDF5Library.locked {
      let file = H5Fcreate(path, h5_truncate(), 0, 0)
      let creation = h5_new_dataset_creation()
      let columns = shape[1]
      let (sizes, some) = (shape.map { hsize_t($0) }, [hsize_t(numbers.count / columns), hsize_t(columns)])
      #expect(H5Pset_chunk(creation, 2, chunk.map { hsize_t($0) }) >= 0)
      for filter in filters {
        switch filter {
        case "f": #expect(H5Pset_fletcher32(creation) >= 0)
        case "s": #expect(H5Pset_shuffle(creation) >= 0)
        default: #expect(H5Pset_deflate(creation, 6) >= 0)
        }
      }
      let (space, memory) = (H5Screate_simple(2, sizes, nil), H5Screate_simple(2, some, nil))
      let type = HDF5ElementType.int32.nativeNumber
      let dataset = H5Dcreate2(file, "/x", type, space, 0, creation, 0)
      #expect(H5Sselect_hyperslab(space, H5S_SELECT_SET, [0, 0], nil, some, nil) >= 0)
      #expect(H5Dwrite(dataset, type, memory, space, 0, numbers) >= 0)
      for close in [H5Dclose(dataset), H5Sclose(memory), H5Sclose(space), H5Pclose(creation), H5Fclose(file)] {
        #expect(close >= 0)
      }
    }
  }

  private static func placeOfFirstChunk(_ path: String) -> Int {
    HDF5Library.locked {
      let file = H5Fopen(path, h5_read_only(), 0)
      let dataset = H5Dopen2(file, "/x", 0)
      var (mask, address, size) = (UInt32(0), haddr_t(0), hsize_t(0))
      #expect(H5Dget_chunk_info_by_coord(dataset, [0, 0], &mask, &address, &size) >= 0)
      H5Dclose(dataset)
      H5Fclose(file)
      return Int(address)
    }
  }

  @Test(arguments: [0, 1, 2, 3, 15, 16, 17, 4095, 4096, 4097, 70_001])
  func checksumsAreThoseOfTheFilter(count: Int) throws {
    // Byte by byte, as the definition says it.
    func slow(_ bytes: [UInt8]) -> UInt32 {
      var (first, second) = (UInt32(0), UInt32(0))
      func folded(_ sum: UInt32) -> UInt32 { sum & 0xFFFF + sum >> 16 }
      for place in stride(from: 0, to: bytes.count, by: 2) {
        first = folded(first + UInt32(bytes[place]) << 8 + (place + 1 < bytes.count ? UInt32(bytes[place + 1]) : 0))
        second = folded(second + first)
      }
      return folded(second) << 16 | folded(first)
    }
    var draw = SeededNumbers(UInt64(count))
    let random = (0..<count).map { _ in UInt8(draw.int(0...255)) }
    for bytes in [random, [UInt8](repeating: 0, count: count), [UInt8](repeating: 255, count: count)] {
      #expect(bytes.withUnsafeBytes(Fletcher32.value) == slow(bytes))
    }
  }

  @Test(arguments: ["", "f", "s", "g", "sg", "sgf", "gf", "sf"], [10, 16, 33])
  func rowsAreThoseOfLibhdf5(filters: String, chunk: Int) throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.h5")
    let numbers = (0..<100 * 7).map { (number: Int) -> Int32 in Int32(number * number % 1013) - 500 }
    Self.write(path, numbers, shape: [100, 7], chunk: [chunk, 7], filters)
    let rows = try Self.rows(path)
    for range in [0..<100, 0..<chunk, 5..<47, 99..<100, 30..<30, chunk..<2 * chunk] {
      var found = [Int32](repeating: -1, count: range.count * 7)
      try found.withUnsafeMutableBufferPointer { try rows.read(range, into: $0) }
      #expect(found == Array(numbers[range.lowerBound * 7..<range.upperBound * 7]))
      // Numbers of another type go through libhdf5.
      var wide = [Int64](repeating: -1, count: range.count * 7)
      try wide.withUnsafeMutableBufferPointer { try rows.read(range, into: $0) }
      #expect(wide == found.map { Int64($0) })
    }
  }

  /// Chunks that were never written hold zeros; a flipped byte of any chunk is found.
  @Test(arguments: ["f", "sgf", "g"]) func damageAndHolesAreLeftToLibhdf5(filters: String) throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.h5")
    let numbers = (0..<64 * 8).map { Int32(truncatingIfNeeded: $0 &* 2_654_435_761) }
    // What is not compressed must be there.
    let holes = filters.contains("g") ? 32 : 0
    Self.write(path, numbers, shape: [64 + holes, 8], chunk: [32, 8], filters)
    var found = [Int32](repeating: -1, count: (64 + holes) * 8)
    try found.withUnsafeMutableBufferPointer { try Self.rows(path).read(0..<64 + holes, into: $0) }
    #expect(found == numbers + [Int32](repeating: 0, count: holes * 8))

    var bytes = try InputFile.bytes(of: path)
    bytes[Self.placeOfFirstChunk(path) + 20] ^= 0x10
    let broken = try folder.put(bytes, "broken.h5")
    let rows = try Self.rows(broken)
    var rest = [Int32](repeating: -1, count: 256)
    #expect(message { try rest.withUnsafeMutableBufferPointer { try rows.read(0..<32, into: $0) } } != nil)
    try rest.withUnsafeMutableBufferPointer { try rows.read(32..<64, into: $0) }
    #expect(rest == Array(numbers[256...]))
  }
}
