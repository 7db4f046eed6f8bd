import Foundation
import HDF5Files
import Testing

@testable import TestSupport

/// What is written comes back: every type, shape, layout, text, attribute, through memory and through the disk.
@Suite struct HDF5FileTests {
  private static let shapes: [[Int]] = [[], [0], [0, 3], [1], [7], [3, 4], [2, 3, 4, 5], [1, 1, 1], [70_000]]

  /// The file as a reader finds it after its way through bytes.
  private func reopened(_ file: HDF5File) throws -> HDF5File { try HDF5File.open(image: file.image()) }

  private func checkRoundTrip<T: HDF5Element & Equatable>(
    _ type: T.Type, _ element: (Int) -> T, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    for shape in HDF5FileTests.shapes {
      let values = (0..<shape.reduce(1, *)).map(element)
      let file = try HDF5File.inMemory()
      try file.write(values, shape: shape, to: "/group/values")
      try file.write(values, shape: shape, to: "/packed", compress: 3)
      try file.write(values, shape: shape, to: "/bare", chunk: [])
      let copy = try reopened(file)
      for path in ["/group/values", "packed", "/bare"] {
        #expect(try copy.read(path, as: type) == values, "\(type) \(shape) \(path)", sourceLocation: sourceLocation)
        #expect(try copy.shape(of: path) == shape, sourceLocation: sourceLocation)
        #expect(try copy.elementType(of: path) == T.hdf5ElementType, sourceLocation: sourceLocation)
        #expect(try file.read(path, as: type) == values, sourceLocation: sourceLocation)
      }
      #expect(try copy.chunk(of: "/bare") == nil)
      #expect(try (copy.chunk(of: "/packed") == nil) == (shape.isEmpty || shape.contains(0)))
    }
  }

  @Test func everyTypeAndShape() throws {
    try checkRoundTrip(UInt8.self) { UInt8(truncatingIfNeeded: $0) }
    try checkRoundTrip(Int8.self) { Int8(truncatingIfNeeded: $0) }
    try checkRoundTrip(UInt16.self) { UInt16(truncatingIfNeeded: $0 &* 7) }
    try checkRoundTrip(Int16.self) { Int16(truncatingIfNeeded: -$0) }
    try checkRoundTrip(UInt32.self) { .max - UInt32($0) }
    try checkRoundTrip(Int32.self) { .min + Int32($0) }
    try checkRoundTrip(UInt64.self) { .max - UInt64($0) }
    try checkRoundTrip(Int64.self) { .min + Int64($0) }
    try checkRoundTrip(Float.self) { Float($0) / 3 }
    try checkRoundTrip(Double.self) { -Double($0) / 3 }
  }

  @Test func specialNumbersKeepTheirBits() throws {
    let values: [Float] = [.infinity, -.infinity, .nan, -0, .leastNonzeroMagnitude, .greatestFiniteMagnitude]
    let file = try HDF5File.inMemory()
    try file.write(values, shape: [values.count], to: "/x")
    #expect(try reopened(file).read("/x", as: Float.self).map(\.bitPattern) == values.map(\.bitPattern))
  }

  @Test func typesConvertAndClip() throws {
    let file = try HDF5File.inMemory()
    try file.write([-1, 3, 300] as [Int64], shape: [3], to: "/x")
    #expect(try file.read("/x", as: Float.self) == [-1, 3, 300])
    #expect(try file.read("/x", as: UInt8.self) == [0, 3, 255])
  }

  @Test func chunksAreWholeRowsOfAQuarterMegabyte() throws {
    let file = try HDF5File.inMemory()
    try file.write([UInt8](repeating: 1, count: 1000 * 784), shape: [1000, 1, 28, 28], to: "/images")
    #expect(try file.chunk(of: "/images") == [256, 1, 28, 28])
    try file.write([Double](repeating: 1, count: 200_000), shape: [2, 100_000], to: "/wide")
    #expect(try file.chunk(of: "/wide") == [1, 32768])
    try file.write([Float](repeating: 1, count: 6), shape: [2, 3], to: "/small")
    #expect(try file.chunk(of: "/small") == [2, 3])
    try file.write([Float](repeating: 1, count: 6), shape: [2, 3], to: "/asked", chunk: [1, 2])
    #expect(try file.chunk(of: "/asked") == [1, 2])
  }

  @Test func rowsAreReadByThemselves() throws {
    let file = try HDF5File.inMemory()
    let values = (0..<1000).map { Int32($0) }
    try file.write(values, shape: [100, 2, 5], to: "/x", chunk: [8, 2, 5])
    let copy = try reopened(file)
    for rows in [0..<100, 0..<1, 7..<9, 99..<100, 50..<50, 3..<77] {
      var part = [Int32](repeating: -1, count: rows.count * 10)
      try part.withUnsafeMutableBufferPointer { try copy.read("/x", rows: rows, into: $0) }
      #expect(part == Array(values[rows.lowerBound * 10..<rows.upperBound * 10]))
    }
    var part = [Int32](repeating: 0, count: 10)
    for rows in [100..<101, -1..<0, 0..<2] {
      #expect(throws: HDF5Error.self) {
        try part.withUnsafeMutableBufferPointer { try copy.read("/x", rows: rows, into: $0) }
      }
    }
  }

  @Test func text() throws {
    let lists: [[String]] = [
      [], [""], ["a"], ["", "naïve", "日本語", "🙂 two words ", "<unk>"], (0..<10_000).map { "w\($0)" },
    ]
    for list in lists {
      let file = try HDF5File.inMemory()
      try file.writeStrings(list, to: "/vocabulary")
      let copy = try reopened(file)
      #expect(try copy.readStrings("/vocabulary") == list)
      #expect(try copy.shape(of: "/vocabulary") == [list.count])
      #expect(try copy.elementType(of: "/vocabulary") == .string)
    }
    let file = try HDF5File.inMemory()
    #expect(throws: HDF5Error.self) { try file.writeStrings(["a\0b"], to: "/zero") }
  }

  @Test func attributes() throws {
    let file = try HDF5File.inMemory()
    try file.createGroup("/training")
    let values: [(String, HDF5Attribute)] = [
      ("epoch", .int(.max)), ("rate", .double(0.1)), ("configuration", .string("{\"ü\": 1}")), ("empty", .string("")),
      ("ints", .ints([1, -2, 3])), ("doubles", .doubles([0.5, .infinity])), ("names", .strings(["a", "", "ß"])),
      ("none", .ints([])), ("noNames", .strings([])), ("long", .string(String(repeating: "x", count: 200_000))),
      ("many", .strings((0..<20_000).map { "class \($0)" })),
    ]
    for (name, value) in values { try file.setAttribute(name, of: "/training", to: value) }
    try file.setAttribute("epoch", of: "/training", to: .string("replaced"))
    try file.setAttribute("epoch", of: "/training", to: .int(7))
    let copy = try reopened(file)
    for (name, value) in values.dropFirst() {
      #expect(try copy.attribute(name, of: "/training") == value, "\(name)")
    }
    #expect(try copy.attribute("epoch", of: "/training") == .int(7))
    #expect(try copy.attributeNames(of: "/training") == values.map(\.0).sorted())
    #expect(try copy.attribute("absent", of: "/training") == nil)
    #expect(try copy.attributeNames(of: "/") == [])
    #expect(throws: HDF5Error.self) { try copy.setAttribute("epoch", of: "/", to: .int(1)) }
    #expect(throws: HDF5Error.self) { try copy.attribute("epoch", of: "/nowhere") }
  }

  @Test func groupsAndNames() throws {
    let file = try HDF5File.inMemory()
    try file.createGroup("/b/c")
    try file.write([Int32(1)], shape: [1], to: "/model/0.weight")
    try file.write([Int32(1)], shape: [1], to: "/model/0.bias")
    let copy = try reopened(file)
    #expect(try copy.names(in: "/") == ["b", "model"])
    #expect(try copy.names(in: "/model") == ["0.bias", "0.weight"])
    #expect(try copy.names(in: "/b/c") == [])
    #expect(try copy.exists("/") && copy.isGroup("/") && copy.isGroup("b") && copy.isDataset("/model/0.bias"))
    #expect(try !copy.exists("/model/1.bias") && !copy.exists("/x/y/z") && !copy.isGroup("/model/0.bias"))
    #expect(try !copy.isDataset("/model"))
    #expect(throws: HDF5Error.self) { try file.createGroup("/b") }
    #expect(throws: HDF5Error.self) { try file.write([Int32(1)], shape: [1], to: "/model/0.bias") }
    #expect(throws: HDF5Error.self) { try file.write([Int32(1)], shape: [2], to: "/short") }
    #expect(throws: HDF5Error.self) { try file.write([Int32(1)], shape: [1], to: "/chunk", chunk: [2]) }
    #expect(throws: HDF5Error.self) { try copy.createGroup("/new") }
  }

  @Test func sameContentsGiveTheSameBytesAndTheDiskKeepsThem() throws {
    func build() throws -> [UInt8] {
      let file = try HDF5File.inMemory()
      try file.write([1, 2, 3] as [Float], shape: [3], to: "/a/b")
      try file.setAttribute("task", of: "/", to: .string("classification"))
      return try file.image()
    }
    let image = try build()
    // Times in HDF5 are whole seconds.
    Thread.sleep(forTimeInterval: 1.1)
    #expect(try build() == image)
    let folder = try TemporaryFolder()
    let path = folder.file("x.h5")
    try AtomicFile.write(image, to: path)
    #expect(try InputFile.bytes(of: path) == image)
    let file = try HDF5File.open(path)
    #expect(try file.read("/a/b", as: Float.self) == [1, 2, 3])
    #expect(try HDF5File.open(image: file.image()).read("/a/b", as: Float.self) == [1, 2, 3])
  }

  @Test func errorsAreOneLineWithTheFileAndTheObject() throws {
    let folder = try TemporaryFolder()
    let missing = folder.file("missing.h5")
    #expect(message { _ = try HDF5File.open(missing) } == "\(missing): no such file")
    #expect(throws: HDF5Error(.missing, path: missing, "no such file")) { _ = try HDF5File.open(missing) }
    #expect(message { _ = try HDF5File.open(folder.path) } == "\(folder.path): is a folder, not a file")
    let text = try folder.put(Array("no HDF5 at all".utf8), "text.h5")
    #expect(throws: HDF5Error(.notHDF5, path: text, "is no HDF5 file")) { _ = try HDF5File.open(text) }
    #expect(message { _ = try HDF5File.open(image: []) } == "HDF5 image: is no HDF5 file")

    let building = try HDF5File.inMemory()
    try building.writeStrings(["a"], to: "/words")
    try building.createGroup("/group")
    let path = folder.file("x.h5")
    try AtomicFile.write(building.image(), to: path)
    let file = try HDF5File.open(path)
    #expect(message { _ = try file.read("/words", as: Float.self) } == "\(path): /words: holds text, not numbers")
    #expect(message { _ = try file.read("/a/b", as: Float.self) } == "\(path): /a/b: is not in the file")
    #expect(message { _ = try file.shape(of: "/group") } == "\(path): /group: is a group, not a dataset")
    #expect(message { _ = try file.names(in: "/words") } == "\(path): /words: is no group")
    try file.close()
    #expect(message { _ = try file.names(in: "/") } == "\(path): /: the file is closed")
    #expect(message { try file.close() } == "\(path): the file is closed")
  }

  @Test func threadsTakeTurns() async throws {
    let file = try HDF5File.inMemory()
    try file.write((0..<4000).map { Int32($0) }, shape: [4000], to: "/x", chunk: [100])
    let copy = try reopened(file)
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for _ in 0..<16 {
        group.addTask { try copy.read("/x", as: Int32.self).reduce(0) { $0 + Int($1) } == 7_998_000 }
      }
      for try await isRight in group { #expect(isRight) }
    }
  }
}
