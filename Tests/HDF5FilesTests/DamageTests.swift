import HDF5Files
import Testing

@testable import TestSupport

/// Damaged files: every flipped byte is found or does no harm; no number comes back wrong without a word.
@Suite struct DamageTests {
  private static let numbers = (0..<3000).map { Int32($0) }
  private static let names = ["t-shirt", "trouser", "pullover", "ankle boot"]

  private static func sample() throws -> [UInt8] {
    let file = try HDF5File.inMemory()
    try file.write(numbers, shape: [300, 10], to: "/train/values", chunk: [64, 10])
    try file.writeStrings(names, to: "/words")
    try file.write([Float(2.5)], shape: [], to: "/scalar")
    try file.setAttribute("format", of: "/", to: .int(1))
    try file.setAttribute("names", of: "/", to: .strings(names))
    try file.sealText()
    return try file.image()
  }

  /// Reads everything; throws when libhdf5 or Lockstep finds damage.
  private func isIntact(_ image: [UInt8]) throws -> Bool {
    let file = try HDF5File.open(image: image)
    try file.verifyText()
    return try file.read("/train/values", as: Int32.self) == DamageTests.numbers
      && file.shape(of: "/train/values") == [300, 10] && file.readStrings("/words") == DamageTests.names
      && file.read("/scalar", as: Float.self) == [2.5] && file.attribute("format", of: "/") == .int(1)
      && file.attribute("names", of: "/") == .strings(DamageTests.names)
  }

  @Test func everyFlippedByteIsFoundOrHarmless() throws {
    let image = try DamageTests.sample()
    #expect(try isIntact(image))
    var found = 0
    // Every eleventh byte takes three seconds; all of them have been tried once.
    for position in stride(from: 0, to: image.count, by: 11) {
      var flipped = image
      flipped[position] ^= UInt8(1 << (position % 8))
      do {
        #expect(try isIntact(flipped), "byte \(position) of \(image.count) changes what is read, and nobody says so")
      } catch {
        found += 1
      }
    }
    // What is left belongs to nothing.
    #expect(found > image.count / 11 * 9 / 10, "\(found) of \(image.count / 11)")
  }

  @Test func everyTruncationIsFound() throws {
    let folder = try TemporaryFolder()
    let image = try DamageTests.sample()
    for count in Array(stride(from: 0, to: image.count, by: 97)) + [image.count - 1] {
      let path = try folder.put(Array(image[..<count]), "cut.h5")
      let error = #expect(throws: HDF5Error.self) { _ = try HDF5File.open(path) }
      #expect(error?.reason == (count < 8 ? .notHDF5 : .damaged), "cut at \(count)")
      #expect(error?.kind == .badData)
      #expect(throws: HDF5Error.self) { _ = try HDF5File.open(image: Array(image[..<count])) }
    }
  }

  @Test func flippedDataSaysWhereAndWhy() throws {
    let file = try HDF5File.inMemory()
    try file.write([UInt8](repeating: 7, count: 100_000), shape: [100_000], to: "/train/images")
    var image = try file.image()
    image[image.count / 2] ^= 1
    let damaged = try HDF5File.open(image: image, name: "fashion.h5")
    let text = message { _ = try damaged.read("/train/images", as: UInt8.self) }
    #expect(text?.hasPrefix("fashion.h5: /train/images: reading failed (") == true)
    #expect(text?.contains("Fletcher32") == true)
    #expect(text?.contains("\n") == false)
  }

  /// libhdf5 looks for the chunks of a shape along axes that the shape does not have, without end.
  @Test func chunksOfOtherAxesThanTheShapesAreRefused() throws {
    for shape in [[1, 2], [2]] {
      let file = try HDF5File.inMemory()
      try file.write([Float](repeating: 1, count: shape.reduce(1, *)), shape: shape, to: "/values")
      // The description of the shape: version, number of axes, flags (limits are stated), kind (1: axes), then each axis.
      let described = [2, UInt8(shape.count), 1, 1, UInt8(shape[0]), 0, 0, 0, 0, 0, 0, 0]
      let none = [2, 0, 0, 0, UInt8(shape[0]), 0, 0, 0, 0, 0, 0, 0] as [UInt8]
      let image = try #require(resealed(file.image(), replacing: described, by: none))
      let damaged = try HDF5File.open(image: image, name: "values.h5")
      let error = #expect(throws: HDF5Error.self) { _ = try damaged.read("/values", as: Float.self) }
      // HDF5 1.14 looks at it by itself.
      let isKnown = error?.what.hasSuffix("number of dimensions cannot be zero)") == true
      #expect(isKnown || error?.what == "has chunks of \(shape.count) axes, but the shape []")
    }
  }

  /// libhdf5 copies as many bytes of a fill value as it is told, from wherever its message ends.
  @Test func fillValuesBehindTheirMessageAreRefused() throws {
    let file = try HDF5File.inMemory()
    try file.write([Float](repeating: 1, count: 8), shape: [8], to: "/values")
    // Message 5, two bytes, constant; version 3, and when to write; behind it the layout's message. Then with a value.
    let (without, with) = ([5, 2, 0, 1, 3, 11, 11], [5, 2, 0, 1, 3, 43, 11]) as ([UInt8], [UInt8])
    let image = try #require(resealed(file.image(), replacing: without, by: with))
    #expect(throws: HDF5Error.self) { _ = try HDF5File.open(image: image).read("/values", as: Float.self) }
  }

  /// Files made by h5py that lie or point elsewhere: refused before anything is allocated or another file is opened.
  @Test(.enabled(if: Python.withH5py != nil, "no Python with h5py"))
  func absurdSizesAndOtherFilesAreRefused() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("bad.h5")
    _ = try Python.run(
      """
      import h5py, sys
      with h5py.File(sys.argv[1], "w") as f:
        f.create_dataset("absurd", shape=(2**50,), dtype="i8", chunks=(1024,))
        f.create_dataset("sparse", shape=(1000, 1000), dtype="f4", chunks=(10, 10))
        f["sparse"][:10, :10] = 1
        f.create_dataset("overflow", shape=(2**40, 2**40), dtype="i8", chunks=(8, 8))
        f.create_dataset("packed", shape=(2**50,), dtype="i1", chunks=(1024,), compression="gzip")
        f["packed"][:1024] = 1
        f.create_dataset("words", shape=(2**40,), dtype=h5py.string_dtype(), chunks=(16,))
        f.create_dataset("external", shape=(8,), dtype="u1", external=[("/etc/passwd", 0, 8)])
        f["link"] = h5py.ExternalLink(sys.argv[1] + ".other", "/secret")
        layout = h5py.VirtualLayout(shape=(4,), dtype="u1")
        layout[:] = h5py.VirtualSource(sys.argv[1] + ".other", "secret", shape=(4,))
        f.create_virtual_dataset("virtual", layout)
      with h5py.File(sys.argv[1] + ".other", "w") as f: f["secret"] = bytearray(b"abcd")
      """, [path])
    let file = try HDF5File.open(path)
    for name in ["absurd", "sparse", "overflow", "packed", "external", "virtual"] {
      let error = #expect(throws: HDF5Error.self) { _ = try file.read(name, as: UInt8.self) }
      #expect(error?.reason == .refused, "\(name)")
    }
    let words = #expect(throws: HDF5Error.self) { _ = try file.readStrings("words") }
    #expect(words?.reason == .refused)
    #expect(throws: HDF5Error.self) { _ = try file.read("link", as: UInt8.self) }
    let text = message { _ = try file.read("absurd", as: Int64.self) }
    #expect(text == "\(path): absurd: declares the shape [1125899906842624], but only 0 bytes of it are in the file")
  }
}
