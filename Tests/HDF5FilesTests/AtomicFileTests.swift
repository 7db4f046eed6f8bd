import Failures
import Foundation
import Synchronization
import Testing

@testable import HDF5Files
@testable import TestSupport

/// Replacing files: the new one whole, or the old one untouched, and never a leftover.
@Suite struct AtomicFileTests {
  private static let old = Array("old".utf8)
  private static let new = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }

  private func write(_ path: String, through system: AtomicFile.System) throws {
    try AtomicFileTests.new.withUnsafeBytes { try AtomicFile.write($0, to: path, through: system) }
  }

  @Test func writesAndReplaces() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("checkpoint.h5")
    try AtomicFile.write([], to: path)
    #expect(try InputFile.bytes(of: path) == [])
    try AtomicFile.write(AtomicFileTests.new, to: path)
    #expect(try InputFile.bytes(of: path) == AtomicFileTests.new)
    #expect(try folder.names == ["checkpoint.h5"])
  }

  @Test func followsALink() throws {
    let folder = try TemporaryFolder()
    let path = try folder.put(AtomicFileTests.old, "real.h5")
    try FileManager.default.createSymbolicLink(atPath: folder.file("link.h5"), withDestinationPath: path)
    try AtomicFile.write(AtomicFileTests.new, to: folder.file("link.h5"))
    #expect(try InputFile.bytes(of: path) == AtomicFileTests.new)
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder.file("link.h5")) == path)
  }

  @Test func shortAndInterruptedWritesAreFinished() throws {
    let folder = try TemporaryFolder()
    let calls = Mutex(0)
    var system = AtomicFile.System.real
    system.write = { descriptor, start, count in
      let call = calls.withLock { calls in
        calls += 1
        return calls
      }
      guard call % 3 != 0 else {
        errno = EINTR
        return -1
      }
      return Glibc.write(descriptor, start, min(count, 7001))
    }
    try write(folder.file("x"), through: system)
    #expect(try InputFile.bytes(of: folder.file("x")) == AtomicFileTests.new)
    #expect(calls.withLock { $0 } > 15)
  }

  /// Lets one step fail after the first bytes went out, as on a disk that fills up.
  @Test(arguments: [
    ("write", ENOSPC, FileError.Reason.diskFull, FailureKind.cannotWrite, "No space left on device"),
    ("write", EDQUOT, .diskFull, .cannotWrite, "Disk quota exceeded"),
    ("write", EIO, .inputOutput, .inputOutput, "Input/output error"),
    ("fsync", EIO, .inputOutput, .inputOutput, "Input/output error"),
    ("fsync", ENOSPC, .diskFull, .cannotWrite, "No space left on device"),
    ("rename", EROFS, .notWritable, .cannotWrite, "Read-only file system"),
  ])
  func failuresLeaveTheOldFile(
    step: String, code: Int32, reason: FileError.Reason, kind: FailureKind, text: String
  ) throws {
    let folder = try TemporaryFolder()
    let path = try folder.put(AtomicFileTests.old, "x.h5")
    let fail: @Sendable () -> Int32 = {
      errno = code
      return -1
    }
    var system = AtomicFile.System.real
    switch step {
    case "write": system.write = { $2 > 50_000 ? Glibc.write($0, $1, 50_000) : Int(fail()) }
    case "fsync": system.sync = { _ in fail() }
    default: system.rename = { _, _ in fail() }
    }
    let error = #expect(throws: FileError.self) { try write(path, through: system) }
    #expect(error?.reason == reason)
    #expect(error?.kind == kind)
    #expect(error?.description.hasPrefix("\(path): ") == true)
    #expect(error?.description.contains("failed: \(text); nothing was changed") == true)
    #expect(try InputFile.bytes(of: path) == AtomicFileTests.old)
    #expect(try folder.names == ["x.h5"])
  }

  @Test func badPlaces() throws {
    let folder = try TemporaryFolder()
    let plain = try folder.put(AtomicFileTests.old, "plain")
    let places: [(String, FileError.Reason)] = [
      (folder.file("missing/x.h5"), .folderMissing), ("\(plain)/x.h5", .folderMissing), (folder.path, .notWritable),
      ("", .notWritable), (folder.file(""), .notWritable),
    ]
    for (path, reason) in places {
      let error = #expect(throws: FileError.self) { try AtomicFile.write(AtomicFileTests.new, to: path) }
      #expect(error?.reason == reason, "\(path)")
      #expect(error?.kind == .cannotWrite)
      let early = #expect(throws: FileError.self) { try AtomicFile.check(path) }
      #expect(early?.reason == reason, "\(path)")
    }
    // The system's own folder of processes takes no file, not even from root.
    #expect(throws: FileError.self) { try AtomicFile.write(AtomicFileTests.new, to: "/proc/x.h5") }
    #expect(try folder.names == ["plain"])
    try AtomicFile.check(folder.file("fine.h5"))
    #expect(try folder.names == ["plain"])
  }

  @Test func missingInput() {
    let error = #expect(throws: FileError.self) { _ = try InputFile("/no/such/file") }
    #expect(error?.description == "/no/such/file: no such file")
    #expect(error?.kind == .missingInput)
    #expect(throws: FileError.self) { _ = try InputFile("/dev/null") }
  }
}
