import Foundation
import HDF5Files
import Lockstep
import Testing

@testable import TestSupport

/// A folder of checkpoints stands for its newest good one.
@Suite struct CheckpointFolderTests {
  private func save(_ steps: [Int], in folder: TemporaryFolder) throws -> [String] {
    try steps.map { try CheckpointFolder(folder.path).save(oddCheckpoint(step: $0, isFinite: true)) }
  }

  private func damage(_ path: String) throws {
    var bytes = try InputFile.bytes(of: path)
    bytes[bytes.count / 2] ^= 4
    try AtomicFile.write(bytes, to: path)
  }

  @Test func theNewestByStep() throws {
    let folder = try TemporaryFolder()
    // In an order that neither the clock nor the alphabet has.
    let paths = try save([100_000_001, 9, 99_999_999, 1000], in: folder)
    #expect(try CheckpointFolder(folder.path).files() == [paths[0], paths[2], paths[3], paths[1]])
    let (path, checkpoint) = try CheckpointFolder.load(folder.path)
    #expect(path == paths[0])
    #expect(checkpoint.position.step == 100_000_001)
    #expect(try CheckpointFolder.load(paths[3]).checkpoint.position.step == 1000)
  }

  @Test func fallsBackPastDamagedOnes() throws {
    let folder = try TemporaryFolder()
    let paths = try save([1, 2, 3], in: folder)
    try damage(paths[2])
    try AtomicFile.write(Array(InputFile.bytes(of: paths[1]).dropLast(300)), to: paths[1])
    var warnings: [String] = []
    let (path, checkpoint) = try CheckpointFolder.load(folder.path) { warnings.append($0) }
    #expect(path == paths[0])
    #expect(checkpoint.position.step == 1)
    #expect(warnings.count == 2)
    #expect(warnings[0].hasPrefix("\(paths[2]): is damaged: its digest is sha256:"))
    #expect(warnings[0].hasSuffix("; trying the one before"))
    #expect(warnings[1].hasPrefix("\(paths[1]): is truncated"))
    #expect(warnings.allSatisfy { !$0.contains("\n") })
  }

  @Test func noneIsGood() throws {
    let folder = try TemporaryFolder()
    for path in try save([1, 2], in: folder) { try damage(path) }
    let error = #expect(throws: CheckpointError.self) { try CheckpointFolder.load(folder.path) }
    // The newest one's fault, not the oldest one's.
    #expect(error?.path.hasSuffix("checkpoint-00000002.h5") == true)
    #expect(error?.kind == .badData)
  }

  @Test func foreignFilesDoNotCount() throws {
    let folder = try TemporaryFolder()
    let foreign = [
      "notes.txt", "checkpoint-00000009.txt", "checkpoint-.h5", "checkpoint-x.h5", "other-00000009.h5",
      ".checkpoint-00000009.h5.abc\(AtomicFile.unfinishedSuffix)",
    ]
    for name in foreign { try AtomicFile.write(Array("foreign".utf8), to: folder.file(name)) }
    let empty = #expect(throws: FileError.self) { try CheckpointFolder.load(folder.path) }
    #expect(empty?.description == "\(folder.path): this folder holds no checkpoint")
    #expect(empty?.kind == .missingInput)
    let paths = try save([4], in: folder)
    #expect(try CheckpointFolder(folder.path).files() == paths)
    #expect(try CheckpointFolder.load(folder.path).checkpoint.position.step == 4)
  }

  @Test func preparing() throws {
    let folder = try TemporaryFolder()
    try CheckpointFolder(folder.file("new")).prepare()
    try CheckpointFolder(folder.file("new")).prepare()
    #expect(try folder.names == ["new"])
    try AtomicFile.write([], to: folder.file("plain"))
    for path in [folder.file("missing/new"), folder.file("plain"), folder.file("plain/new"), "/proc/new"] {
      let error = #expect(throws: FileError.self, "\(path)") { try CheckpointFolder(path).prepare() }
      #expect(error?.kind == .cannotWrite, "\(path): \(String(describing: error))")
      #expect(error?.path.hasPrefix(path) == true)
    }
    #expect(try folder.names == ["new", "plain"])
  }

  /// A folder that went away while training ran.
  @Test func aFailedSaveLeavesTheOthers() throws {
    let folder = try TemporaryFolder()
    let paths = try save([1], in: folder)
    try FileManager.default.createDirectory(
      atPath: folder.file("checkpoint-00000002.h5"), withIntermediateDirectories: false)
    #expect(throws: FileError.self) { try CheckpointFolder(folder.path).save(oddCheckpoint(step: 2, isFinite: true)) }
    #expect(try folder.names == ["checkpoint-00000001.h5", "checkpoint-00000002.h5"])
    // The thing of that name is no checkpoint: the one before is taken.
    #expect(try CheckpointFolder.load(folder.path).path == paths[0])
  }
}
