import Failures
import Foundation
import HDF5Files
import Lockstep
import Testing

@testable import TestSupport

/// A folder of checkpoints belongs to one run, and holds nothing that is not good.
@Suite struct UsedFolderTests {
  private func folder(_ steps: [Int]) throws -> (folder: TemporaryFolder, files: [String]) {
    let folder = try TemporaryFolder()
    let files = try steps.map { try CheckpointFolder(folder.path).save(oddCheckpoint(step: $0, isFinite: true)) }
    return (folder, files)
  }

  @Test func aFreshRunIsRefused() throws {
    let (folder, _) = try folder([5, 7])
    let checkpoints = CheckpointFolder(folder.path)
    let error = #expect(throws: CheckpointError.self) { try checkpoints.checkOwned() }
    #expect(error?.kind == .usage)
    #expect(
      error?.what
        == "holds checkpoints of another run (checkpoint-00000007.h5 and 1 more): --resume \(folder.path) goes on with it, "
        + "--overwrite removes them")
    let empty = try TemporaryFolder()
    try CheckpointFolder(empty.path).checkOwned()
  }

  @Test func onlyCheckpointsAreRemoved() throws {
    let (folder, _) = try folder([5, 7])
    try AtomicFile.write([1], to: folder.file("notes.txt"))
    try AtomicFile.write([1], to: folder.file("checkpoint-best.h5"))
    try CheckpointFolder(folder.path).removeStrangers()
    #expect(try folder.names == ["checkpoint-best.h5", "notes.txt"])
    try CheckpointFolder(folder.path).checkOwned()
  }

  /// Who goes on from the newest file owns the folder; from an older one, or from elsewhere, not.
  @Test func resumingInAFolder() throws {
    let (folder, files) = try folder([5, 7, 9])
    let checkpoints = CheckpointFolder(folder.path)
    try checkpoints.checkOwned(resuming: (folder.path, files[2]))
    try checkpoints.checkOwned(resuming: (files[2], files[2]))
    // Newer ones that were passed over are damaged.
    try checkpoints.checkOwned(resuming: (folder.path + "/", files[0]))
    for place in [files[0], folder.file("./checkpoint-00000005.h5")] {
      let older = #expect(throws: CheckpointError.self) { try checkpoints.checkOwned(resuming: (place, place)) }
      #expect(older?.what.hasPrefix("holds checkpoints newer than the one that is resumed") == true)
    }
    #expect(throws: CheckpointError.self) { try checkpoints.checkOwned(resuming: ("/elsewhere", "/elsewhere/c.h5")) }
    try checkpoints.removeStrangers(resuming: (files[1], files[1]))
    #expect(try checkpoints.files() == [files[1], files[0]])
  }

  /// Parameters, buffers, the optimizer's memory, carried states.
  @Test func whatIsNotFiniteIsNotSaved() throws {
    let (folder, files) = try folder([5])
    let good = try oddCheckpoint(step: 6, isFinite: true)
    #expect(try good.firstNotFinite() == nil)
    let bad = Tensor([Float](repeating: 1, count: 37) + [.nan])
    var (buffer, slot, carried) = (good, good, good)
    buffer.model.append((name: "1.running_var", tensor: bad))
    slot.optimizer["momentum"]?["0.weight"] = Tensor([Float.infinity], shape: [1])
    carried.carried = bad
    for (checkpoint, fault) in [
      (buffer, "1.running_var is not finite (nan at element 37)"),
      (slot, "momentum of 0.weight is not finite (inf at element 0)"),
      (carried, "a carried state is not finite (nan at element 37)"),
    ] {
      let error = #expect(throws: CheckpointError.self) { try CheckpointFolder(folder.path).save(checkpoint) }
      #expect(error?.kind == .internalError)
      #expect(error?.what == "not saved: \(fault) after step 6; the last good checkpoint stays")
    }
    #expect(try CheckpointFolder(folder.path).files() == files)
  }

  /// A training whose last step would leave no finite parameter ends with an error, not with a checkpoint.
  @Test func aTrainingThatExplodes() throws {
    let folder = try TemporaryFolder()
    let configuration = smallConfiguration(epochs: 1, learningRate: 1e39)
    let trainer = try Trainer(drawing: smallNetwork(), Classification(), configuration)
    let error = #expect(throws: NotFiniteError.self) {
      try trainer.fit(ImageDataset(smallImages(16)), saving: CheckpointPlan(CheckpointFolder(folder.path)))
    }
    #expect(error?.kind == .internalError)
    #expect(try folder.names.isEmpty)
  }

  /// Nobody called `prepare`, and a killed save left its file.
  @Test func savingPrepares() throws {
    let folder = try TemporaryFolder()
    let checkpoints = CheckpointFolder(folder.file("new"))
    try checkpoints.save(oddCheckpoint(step: 1, isFinite: true))
    for name in [".checkpoint-00000009.h5.x", ".other.x"] {
      try AtomicFile.write([1], to: folder.file("new/\(name)\(AtomicFile.unfinishedSuffix)"))
    }
    try checkpoints.save(oddCheckpoint(step: 2, isFinite: true))
    let names = try FileManager.default.contentsOfDirectory(atPath: checkpoints.path).sorted()
    #expect(
      names == [".other.x\(AtomicFile.unfinishedSuffix)", "checkpoint-00000001.h5", "checkpoint-00000002.h5"])
  }
}
