import Foundation
import HDF5Files
import Lockstep
import Testing

@testable import Checkpoints
@testable import TestSupport

/// Checkpoints that are written in the background.
@Suite struct CheckpointWriterTests {
  private func checkpoint(step: Int, epoch: Int = 0) -> Checkpoint {
    var position = TrainingPosition()
    (position.step, position.epoch) = (step, epoch)
    return Checkpoint(
      model: [("weight", Tensor([Float(step), 2]))], optimizer: ["velocity": ["weight": Tensor([Float(1), 2])]],
      optimizerSteps: step, position: position, configuration: "{}")
  }

  private func names(_ folder: TemporaryFolder) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
  }

  @Test func allAreWrittenInTheirOrder() throws {
    let folder = try TemporaryFolder()
    let writer = CheckpointWriter(CheckpointFolder(folder.path))
    for step in 1...3 { try writer.begin(checkpoint(step: step)) }
    try writer.finish()
    #expect(try names(folder) == (1...3).map { "checkpoint-0000000\($0).h5" })
    #expect(try CheckpointFolder.load(folder.path).checkpoint.position.step == 3)
  }

  /// What failed in the background is thrown once, by the next call, which writes nothing.
  @Test func aFailureIsThrownByTheNextCall() throws {
    let writer = CheckpointWriter(CheckpointFolder("/proc/none"))
    try writer.begin(checkpoint(step: 1))
    #expect(throws: FileError.self) { try writer.begin(checkpoint(step: 2)) }
    try writer.finish()
    try writer.begin(checkpoint(step: 3))
    #expect(throws: FileError.self) { try writer.finish() }
  }

  @Test func whatIsNotFiniteIsNotWritten() throws {
    let folder = try TemporaryFolder()
    let writer = CheckpointWriter(CheckpointFolder(folder.path))
    var broken = checkpoint(step: 1)
    broken.model[0].tensor = Tensor([Float.nan])
    try writer.begin(broken)
    #expect(throws: CheckpointError.self) { try writer.finish() }
    #expect(try names(folder).isEmpty)
  }

  /// What changes afterwards does not change the copy.
  @Test func aCopyStaysWhatItWas() throws {
    let original = checkpoint(step: 1)
    let copy = try original.copied()
    try original.model[0].tensor.withFloats { $0[0] = 9 }
    try original.optimizer["velocity"]?["weight"]?.withFloats { $0[0] = 9 }
    #expect(try copy.model[0].tensor.floats() == [1, 2])
    #expect(try copy.optimizer["velocity"]?["weight"]?.floats() == [1, 2])
  }

  @Test func oldOnesGoAndTheBestStays() throws {
    let folder = try TemporaryFolder()
    let keeping = CheckpointKeeping(newest: 2) { $0.epoch % 4 == 0 }
    let writer = CheckpointWriter(CheckpointFolder(folder.path), keeping: keeping)
    for epoch in 1...7 {
      var epochs = checkpoint(step: epoch, epoch: epoch)
      epochs.score = CheckpointScore("test_loss", abs(3 - Double(epoch)))
      try writer.begin(epochs, isBest: epoch <= 3)
    }
    try writer.finish()
    #expect(try names(folder) == ["best.h5"] + [4, 6, 7].map { "checkpoint-0000000\($0).h5" })
    let reader = CheckpointFolder(folder.path)
    #expect(reader.bestScore(upTo: 7) == CheckpointScore("test_loss", 0))
    // One that was resumed from before the best one was saved knows nothing of it.
    #expect(reader.bestScore(upTo: 2) == nil)
    try reader.removeStrangers()
    #expect(try names(folder).isEmpty)
  }

  @Test func accuraciesAreBetterWhenHigher() {
    #expect(CheckpointScore("test_accuracy", 0.8).isBetter(than: CheckpointScore("test_accuracy", 0.7)))
    #expect(!CheckpointScore("test_accuracy", 0.7).isBetter(than: CheckpointScore("test_accuracy", 0.7)))
    #expect(CheckpointScore("perplexity", 7).isBetter(than: CheckpointScore("perplexity", 8)))
    #expect(!CheckpointScore("test_loss", .nan).isBetter(than: nil))
    #expect(CheckpointScore("test_loss", 5).isBetter(than: CheckpointScore("test_accuracy", 9)))
  }
}
