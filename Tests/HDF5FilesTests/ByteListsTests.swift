import Testing

@testable import HDF5Files
@testable import TestSupport

/// Lists of bytes of any length in heaps of a file: what was written, or an error that names the row.
@Suite struct ByteListsTests {
  private let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  /// Short ones share heaps, long ones have their own.
  private static let lists: [[UInt8]] = [0, 1, 7, 8, 600, 601, 5000, 70_000, 300_000, 3, 0, 900].map { length in
    (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ length) }
  }

  private func write(_ lists: [[UInt8]], pieces: Int, most: Int? = nil) throws -> String {
    let path = folder.file("lists.h5")
    try HDF5File.create(at: path) { file in
      try file.createByteLists("/a/lists", count: most ?? lists.count)
      for start in stride(from: 0, to: lists.count, by: pieces) {
        let some = lists[start..<min(start + pieces, lists.count)]
        try some.flatMap { $0 }.withUnsafeBytes {
          try file.write(lists: $0, lengths: some.map(\.count), atRow: start, of: "/a/lists")
        }
      }
      if let most, most > lists.count { try file.shorten("/a/lists", toRows: lists.count) }
      try file.sealingText { try file.setAttribute("names", of: "/", to: .strings(["a", "b"])) }
    }
    return path
  }

  private func read(_ path: String, _ rows: Range<Int>? = nil) throws -> [[UInt8]] {
    let lists = try HDF5File.open(path).byteLists(of: "/a/lists")
    var found: [[UInt8]] = []
    try lists.forEach(in: rows ?? 0..<lists.count) { row, bytes in
      #expect(row == (rows?.lowerBound ?? 0) + found.count)
      found.append(Array(bytes))
    }
    return found
  }

  @Test(arguments: [1, 5, 100]) func listsComeBack(pieces: Int) throws {
    let path = try write(Self.lists, pieces: pieces, most: 20)
    #expect(try read(path) == Self.lists)
    #expect(try read(path, 6..<9) == Array(Self.lists[6..<9]))
    let file = try HDF5File.open(path)
    #expect(try file.elementType(of: "/a/lists") == .byteLists)
    #expect(try file.byteLists(of: "/a/lists").lengths(0..<12) == Self.lists.map(\.count))
    try file.verifyText()
    #expect(try file.attribute("names", of: "/") == .strings(["a", "b"]))
  }

  @Test func manyShortOnes() throws {
    let lists = (0..<3000).map { row in [UInt8](repeating: UInt8(truncatingIfNeeded: row), count: row % 50) }
    #expect(try read(write(lists, pieces: 700)) == lists)
    #expect(try read(write([], pieces: 1)) == [])
  }

  @Test(.enabled(if: Python.withH5py != nil, "no Python with h5py")) func h5pysAndForH5py() throws {
    let ours = try write(Self.lists, pieces: 5)
    let theirs = folder.file("theirs.h5")
    let lengths = try Python.run(
      """
      import h5py, numpy, sys
      with h5py.File(sys.argv[1]) as a, h5py.File(sys.argv[2], "w") as b:
        lists = a["a/lists"]
        assert lists.dtype == h5py.vlen_dtype(numpy.uint8)
        data = b.create_dataset("a/lists", len(lists), h5py.vlen_dtype(numpy.uint8), chunks=(5,), compression="gzip")
        for row in range(len(lists)):
          data[row] = lists[row]
        print([len(x) for x in lists])
      """, [ours, theirs])
    #expect(lengths == "\(Self.lists.map(\.count))")
    #expect(try read(theirs) == Self.lists)
  }

  /// References that say other lengths and places, and heaps that say other sizes.
  @Test func referencesThatLie() throws {
    let path = try write(Self.lists, pieces: 100)
    let good = try InputFile.bytes(of: path)
    for (row, list) in Self.lists.enumerated() where list.count >= 600 {
      let length = (0..<4).map { UInt8(truncatingIfNeeded: list.count >> (8 * $0)) }
      // The only place with this length, the upper bytes of an address below 16 MB, and a number below 256.
      let place = try #require(
        good.indices.dropLast(15).first {
          good[$0..<$0 + 4].elementsEqual(length) && good[$0 + 7..<$0 + 12].allSatisfy { $0 == 0 } && good[$0 + 12] > 0
            && good[$0 + 13..<$0 + 16].allSatisfy { $0 == 0 }
        })
      for (offset, value) in [
        (0, good[place] &+ 9), (3, 0x7F), (3, 0xFF), (5, good[place + 5] ^ 0x55), (11, 0xFF), (12, 99),
      ] {
        var bad = good
        bad[place + offset] = UInt8(value)
        let found = message { _ = try read(folder.put(bad, "bad.h5")) }
        #expect(found?.contains("/a/lists: row \(row) ") == true, "row \(row), byte \(offset): \(found ?? "no error")")
      }
    }
    for place in good.indices.dropLast(16) where good[place..<place + 4].elementsEqual(Array("GCOL".utf8)) {
      for size in [UInt8(0), 0x7F, 0xFF] {
        var bad = good
        for byte in 8..<16 { bad[place + byte] = size }
        let found = message { _ = try read(folder.put(bad, "bad.h5")) }
        #expect(found?.contains("/a/lists: row") != false, "\(found ?? "")")
      }
    }
  }

  @Test func otherTypesAreNamed() throws {
    let file = try HDF5File.inMemory()
    try file.write([Int32(1)], shape: [1], to: "/a/lists")
    let open = try HDF5File.open(image: file.image())
    #expect(message { _ = try open.byteLists(of: "/a/lists") }?.hasSuffix("holds int32, not lists of bytes") == true)
  }
}
