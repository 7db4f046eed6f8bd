import Checkpoints
import Foundation
import HDF5Files
import Testing

@testable import TestSupport

/// Checkpoints that libhdf5 dies of. Their seal fits, or else it would not see them.
@Suite struct LibraryFaultTests {
  @Test func theLineSaysWhatToDo() throws {
    let scratch = try TemporaryFolder()
    let folder = CheckpointFolder(scratch.file("saved"))
    let good = try folder.save(oddCheckpoint(step: 1, isFinite: true))
    let bad = try folder.save(oddCheckpoint(step: 2, isFinite: true))
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: bad)))
    let end = bytes.count - ("\nlockstep sha256:\n".utf8.count + 64)
    // A layout of version 4: in chunks (2), flags, axes and one for the bytes of an element, sizes of one byte. libhdf5 1.10
    // divides by the first.
    let image = try #require(
      resealed(Array(bytes[..<end]), replacing: [3, 1, 2, 5, 4], by: [3, 1, 0, 5, 4]), "no such layout")
    let seal = Array("\nlockstep \(SHA256.digest(of: image))\n".utf8)
    try Data(image + seal).write(to: URL(fileURLWithPath: bad))

    let alone = try digest(bad)
    #expect(alone.status == 65 && alone.errors.hasPrefix("lockstep: \(bad): "), "\(alone)")
    let newest = try digest(folder.path)
    #expect(newest.errors.contains(bad), "\(newest)")
    if newest.status == 0 {
      // A libhdf5 that says what is wrong instead.
      #expect(newest.errors.hasSuffix("trying the one before"), "\(newest)")
    } else {
      #expect(alone.errors.hasSuffix("libhdf5 fails on it: it is damaged"), "\(alone)")
      let advice = "; move it away to go on with the checkpoint before it"
      #expect(newest.status == 65 && newest.errors == alone.errors + advice, "\(newest)")
    }
    try FileManager.default.removeItem(atPath: bad)
    let older = try digest(folder.path)
    #expect(older.status == 0 && older.errors.isEmpty, "\(older)")
    #expect(try digest(good).output == older.output)
  }

  private func digest(_ checkpoint: String) throws -> Program.Result {
    let tests = URL(fileURLWithPath: try Program.ofTests)
    let program = tests.deletingLastPathComponent().appendingPathComponent("lockstep").path
    return try Program.run(program, ["inspect", checkpoint, "--digest"])
  }
}
