import Foundation
import Synchronization
import Testing

@testable import HDF5Files
@testable import TestSupport

/// What is at the place of an output already: written through, replaced, or refused; and what killed writes leave.
@Suite struct OutputPlaceTests {
  private static let bytes = Array("what is written".utf8)

  private static func hdf5() throws -> [UInt8] {
    let file = try HDF5File.inMemory()
    try file.write([Float(1)], shape: [1], to: "/x")
    return try file.image()
  }

  @Test func devicesAreWrittenThrough() throws {
    try AtomicFile.check("/dev/null")
    try AtomicFile.write(OutputPlaceTests.bytes, to: "/dev/null")
    let error = #expect(throws: FileError.self) { try AtomicFile.write(OutputPlaceTests.bytes, to: "/dev/full") }
    #expect(error?.reason == .diskFull)
    for path in ["/dev/null", "/dev/full"] {
      let type = try FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
      #expect(type == .typeCharacterSpecial, "\(path) was replaced")
    }
  }

  @Test func pipesAreWrittenThrough() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("pipe")
    #expect(mkfifo(path, 0o600) == 0)
    let read = Mutex<Data?>(nil)
    let isRead = DispatchSemaphore(value: 0)
    // A thread of its own: those of tasks may all be busy with other tests.
    let reader = Thread {
      let bytes = try? FileHandle(forReadingFrom: URL(fileURLWithPath: path)).readToEnd()
      read.withLock { $0 = bytes }
      isRead.signal()
    }
    reader.start()
    try AtomicFile.write(OutputPlaceTests.bytes, to: path)
    isRead.wait()
    #expect(read.withLock { $0 } == Data(OutputPlaceTests.bytes))
    #expect(try folder.names == ["pipe"])
  }

  /// The file that the link names is made; the link stays.
  @Test func linksToNothingYet() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createSymbolicLink(atPath: folder.file("first"), withDestinationPath: "second")
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("second"), withDestinationPath: folder.file("real"))
    try AtomicFile.check(folder.file("first"))
    try AtomicFile.write(OutputPlaceTests.bytes, to: folder.file("first"))
    #expect(try InputFile.bytes(of: folder.file("real")) == OutputPlaceTests.bytes)
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder.file("first")) == "second")
    #expect(try folder.names == ["first", "real", "second"])
  }

  @Test func anInputIsNotReplaced() throws {
    let folder = try TemporaryFolder()
    let input = try folder.put(OutputPlaceTests.bytes, "input.csv")
    try FileManager.default.createSymbolicLink(atPath: folder.file("link"), withDestinationPath: input)
    try FileManager.default.linkItem(atPath: input, toPath: folder.file("other name"))
    for path in [input, folder.file("link"), folder.file("other name"), folder.file("./input.csv")] {
      let error = #expect(throws: FileError.self, "\(path)") { try AtomicFile.check(path, from: ["/dev/null", input]) }
      #expect(error?.kind == .cannotWrite)
      #expect(error?.description.contains("input") == true)
    }
    try AtomicFile.check(folder.file("output.h5"), from: [input, folder.file("missing")])
    let other = try folder.put(OutputPlaceTests.bytes, "other.csv")
    try AtomicFile.check(other, from: [input])
  }

  @Test func textReplacesNoHDF5File() throws {
    let folder = try TemporaryFolder()
    let dataset = try folder.put(OutputPlaceTests.hdf5(), "data.h5")
    try FileManager.default.createSymbolicLink(atPath: folder.file("link"), withDestinationPath: dataset)
    for path in [dataset, folder.file("link")] {
      let error = #expect(throws: FileError.self) { try AtomicFile.check(path, as: .other) }
      #expect(error?.description == "\(path): is an HDF5 file, which only another one may replace")
    }
    try AtomicFile.check(dataset)
    try AtomicFile.check(folder.put(OutputPlaceTests.bytes, "old.csv"), as: .other)
    try AtomicFile.check(folder.put([], "empty"), as: .other)
  }

  /// What a killed process left goes with the next write of that name; what another one still writes stays.
  @Test func leftoversGo() throws {
    let folder = try TemporaryFolder()
    let suffix = AtomicFile.unfinishedSuffix
    let dead = try folder.put([1], ".x.h5.dead\(suffix)")
    let alive = try folder.put([1], ".x.h5.alive\(suffix)")
    let other = try folder.put([1], ".y.h5.dead\(suffix)")
    let foreign = try folder.put([1], ".x.h5.dead")
    let descriptor = open(alive, O_RDWR)
    #expect(flock(descriptor, LOCK_EX) == 0)
    defer { close(descriptor) }
    try AtomicFile.write(OutputPlaceTests.bytes, to: folder.file("x.h5"))
    let names = try Set(folder.names.map { folder.file($0) })
    #expect(!names.contains(dead))
    #expect(names == [alive, other, foreign, folder.file("x.h5")])
  }

  /// A write keeps others from taking its temporary file for a leftover, up to the moment of its new name.
  @Test func aWriteIsNoLeftover() throws {
    let folder = try TemporaryFolder()
    let (path, place) = (folder.file("x.h5"), folder.path)
    let seen = Mutex([Int]())
    let look: @Sendable () -> Void = {
      AtomicFile.removeLeftovers(in: place, of: "x.h5.")
      let count = (try? FileManager.default.contentsOfDirectory(atPath: place).count) ?? -1
      seen.withLock { $0.append(count) }
    }
    var system = AtomicFile.System.real
    system.write = { descriptor, start, count in
      look()
      return Glibc.write(descriptor, start, count)
    }
    system.rename = { old, new in
      look()
      return Glibc.rename(old, new)
    }
    try OutputPlaceTests.bytes.withUnsafeBytes { try AtomicFile.write($0, to: path, through: system) }
    #expect(seen.withLock { $0 } == [1, 1])
    #expect(try folder.names == ["x.h5"])
  }
}
