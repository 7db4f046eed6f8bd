import Failures
import Foundation
import Synchronization
import Testing

@testable import HDF5Files
@testable import TestSupport

/// Files that are built on the disk: the same as in memory, and whole or not there.
@Suite(.serialized) struct CreatingTests {
  private static let numbers = (0..<120_000).map { Int32($0 &* 7919) }

  /// Rows in chunks, more groups than a header holds, text, and a heap of its own size.
  private static func fill(_ file: HDF5File) throws {
    try file.createRows("/train/rows", of: .int32, shape: [4000, 30], chunk: [256, 30])
    for row in stride(from: 0, to: 4000, by: 256) {
      let rows = numbers[row * 30..<min(row + 256, 4000) * 30]
      try rows.withUnsafeBufferPointer { try file.write($0, atRow: row, of: "/train/rows") }
    }
    for index in 0..<40 { try file.write([Int32(index)], shape: [1], to: "/many/group\(index)/value") }
    try file.sealingText {
      try file.setAttribute("task", of: "/", to: .string("test"))
      try file.setAttribute("names", of: "/train", to: .strings((0..<300).map { "name \($0)" }))
    }
  }

  @Test func sameBytesAsInMemory() throws {
    let folder = try TemporaryFolder()
    let memory = try HDF5File.inMemory()
    try Self.fill(memory)
    let (_, byteCount) = try HDF5File.create(at: folder.file("a.h5")) { try Self.fill($0) }
    let bytes = try InputFile.bytes(of: folder.file("a.h5"))
    #expect(bytes.count == byteCount)
    #expect(try bytes == memory.image())
    #expect(try folder.names == ["a.h5"])
  }

  @Test func readsBack() throws {
    let folder = try TemporaryFolder()
    try HDF5File.create(at: folder.file("a.h5")) { try Self.fill($0) }
    let file = try HDF5File.open(folder.file("a.h5"))
    try file.verifyText()
    #expect(try file.read("/train/rows") == Self.numbers)
    #expect(try file.attribute("task", of: "/") == .string("test"))
    #expect(try file.read("/many/group39/value") == [39])
  }

  /// The seal covers the text of a file on the disk.
  @Test func changedTextIsNoticed() throws {
    let folder = try TemporaryFolder()
    try HDF5File.create(at: folder.file("a.h5")) { try Self.fill($0) }
    var bytes = try InputFile.bytes(of: folder.file("a.h5"))
    let name = Array("name 299".utf8)
    let place = try #require(bytes.indices.last { bytes[$0...].starts(with: name) })
    bytes[place] = UInt8(ascii: "N")
    let file = try HDF5File.open(image: bytes)
    #expect(throws: HDF5Error.self) { try file.verifyText() }
  }

  @Test func anErrorLeavesWhatWasThere() throws {
    struct Stop: Error {}
    let folder = try TemporaryFolder()
    let path = try folder.put(Array("old".utf8), "a.h5")
    #expect(throws: Stop.self) {
      try HDF5File.create(at: path) { file in
        try Self.fill(file)
        throw Stop()
      }
    }
    #expect(try InputFile.bytes(of: path) == Array("old".utf8))
    #expect(try folder.names == ["a.h5"])
  }

  private static let calls = Atomic<Int>(0), failing = Atomic<Int>(0), isForGood = Atomic<Bool>(false)

  /// Each write of a file fails in turn, alone or with all behind it: an error of the disk, nothing left, no crash.
  @Test(arguments: [false, true]) func everyWriteThatFails(forGood: Bool) throws {
    let folder = try TemporaryFolder()
    Self.isForGood.store(forGood, ordering: .relaxed)
    func attempt(failing: Int) throws -> Int {
      Self.failing.store(failing, ordering: .relaxed)
      Self.calls.store(0, ordering: .relaxed)
      let write: @convention(c) (Int32, UnsafeRawPointer?, Int, off_t) -> Int = { descriptor, bytes, count, place in
        let call = CreatingTests.calls.add(1, ordering: .relaxed).newValue
        let failing = CreatingTests.failing.load(ordering: .relaxed)
        guard call == failing || call > failing && failing > 0 && CreatingTests.isForGood.load(ordering: .relaxed)
        else {
          return pwrite(descriptor, bytes, max(1, count - call % 2), place)
        }
        errno = ENOSPC
        return -1
      }
      try HDF5File.create(at: folder.file("a.h5"), writing: write) { try Self.fill($0) }
      return Self.calls.load(ordering: .relaxed)
    }
    let all = try attempt(failing: 0)
    #expect(all > 100)
    try FileManager.default.removeItem(atPath: folder.file("a.h5"))
    for failing in 1...all {
      let error = #expect(throws: FileError.self, "write \(failing)") { _ = try attempt(failing: failing) }
      #expect(error?.reason == .diskFull)
      #expect(error?.description.hasSuffix("writing failed: No space left on device; nothing was changed") == true)
      #expect(try folder.names == [])
    }
  }

  @Test func streamsGetItInOneGo() throws {
    let folder = try TemporaryFolder()
    let pipe = folder.file("pipe")
    #expect(mkfifo(pipe, 0o600) == 0)
    let reader = open(pipe, O_RDONLY | O_NONBLOCK)
    defer { close(reader) }
    // What a pipe holds by itself.
    try HDF5File.create(at: pipe) { try $0.write([1, 2, 3], shape: [3], to: "/a") }
    var bytes = [UInt8](repeating: 0, count: 64 << 10)
    let count = read(reader, &bytes, bytes.count)
    #expect(try HDF5File.open(image: Array(bytes.prefix(max(count, 0)))).read("/a") == [1, 2, 3])
  }

  @Test func shortenedRows() throws {
    let folder = try TemporaryFolder()
    try HDF5File.create(at: folder.file("a.h5")) { file in
      try file.createRows("/a", of: .uint8, shape: [10, 2], chunk: [4, 2])
      for row in [0, 4] {
        let numbers = (0..<8).map { Int32($0 + row) }
        try numbers.withUnsafeBufferPointer { try file.write($0, atRow: row, of: "/a") }
      }
      try file.shorten("/a", toRows: 7)
    }
    let file = try HDF5File.open(folder.file("a.h5"))
    #expect(try file.shape(of: "/a") == [7, 2])
    #expect(try file.read("/a", as: UInt8.self) == [0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7, 8, 9])
  }
}
