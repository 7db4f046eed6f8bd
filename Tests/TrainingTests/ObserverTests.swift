import Foundation
import HDF5Files
import Lockstep
import Synchronization
import Testing

@testable import TestSupport

/// Observers that can't write what they see: no training ends for it, and none is silent about it.
@Suite struct ObserverTests {
  private func fit(_ observers: [any TrainingObserver], epochs: Int, in folder: TemporaryFolder) throws {
    let trainer = try Trainer(
      drawing: smallNetwork(), Classification(), smallConfiguration(epochs: epochs, learningRate: 0.01))
    trainer.observers = observers
    let plan = CheckpointPlan(CheckpointFolder(folder.file("saved")), every: .epochs(1))
    try trainer.fit(ImageDataset(smallImages(16)), saving: plan)
  }

  @Test func aFullDiskIsToldOnce() throws {
    let folder = try TemporaryFolder()
    let warnings = Mutex([String]())
    let writer = try MetricsWriter("/dev/full") { text in warnings.withLock { $0.append(text) } }
    try fit([writer], epochs: 3, in: folder)
    #expect(try CheckpointFolder(folder.file("saved")).files().count == 3)
    #expect(writer.failure?.kind == .cannotWrite)
    #expect(warnings.withLock { $0.count } == 1)
    #expect(warnings.withLock { $0.first }?.hasPrefix("/dev/full: writing failed: No space left on device") == true)
  }

  /// The picture's folder goes away while the training runs.
  @Test func aPictureThatCannotBeDrawn() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(atPath: folder.file("pictures"), withIntermediateDirectories: false)
    let warnings = Mutex([String]())
    let plotter = try CurvePlotter(folder.file("pictures/p.svg"), title: "t") { text in
      warnings.withLock { $0.append(text) }
    }
    try FileManager.default.removeItem(atPath: folder.file("pictures"))
    try fit([plotter], epochs: 2, in: folder)
    #expect(try CheckpointFolder(folder.file("saved")).files().count == 2)
    #expect(plotter.failure?.reason == .folderMissing)
    #expect(warnings.withLock { $0.count } == 1)
  }

  /// When an observer is told of an epoch, the one before is saved already, and this one is being saved.
  @Test func savedFirst() throws {
    final class Watcher: TrainingObserver {
      let folder: CheckpointFolder
      var counts: [Int] = []
      init(_ folder: CheckpointFolder) { self.folder = folder }
      func epochFinished(_ metrics: EpochMetrics) throws { counts.append(try folder.files().count) }
    }
    let folder = try TemporaryFolder()
    let watcher = Watcher(CheckpointFolder(folder.file("saved")))
    try fit([watcher], epochs: 2, in: folder)
    #expect(watcher.counts.count == 2 && watcher.counts[1] >= 1)
  }

  /// Only one rank asks, and all end with the epoch.
  @Test(arguments: 1...3) func anObserverEndsTheTraining(ranks: Int) throws {
    final class Impatient: TrainingObserver {
      var epochs = 0
      var wantsToStop: Bool { epochs >= 2 }
      func epochFinished(_ metrics: EpochMetrics) throws { epochs += 1 }
    }
    try SimulatedJob.run(ranks: ranks) { communicator in
      let trainer = try Trainer(
        drawing: smallNetwork(), Classification(), smallConfiguration(epochs: 5, learningRate: 0.01), on: communicator)
      if communicator.rank == ranks - 1 { trainer.observers = [Impatient()] }
      try trainer.fit(ImageDataset(smallImages(16)))
      #expect(trainer.position.epoch == 2 && trainer.position.stepInEpoch == 0)
    }
  }

  @Test func resumedMetricsAreRepaired() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("m.jsonl")
    let lines = (1...4).map { "{\"event\":\"epoch\",\"epoch\":\($0),\"step\":\($0 * 10)}\n" }
    var position = TrainingPosition()
    (position.epoch, position.step, position.stepInEpoch) = (2, 25, 5)
    for (before, after) in [
      (lines.joined(), lines[0] + lines[1]), (lines[0] + lines[1].dropLast(9), lines[0]), ("", ""),
      (lines[0] + "a note\n", lines[0] + "a note\n"), ("half a line", ""),
    ] {
      try AtomicFile.write(Array(before.utf8), to: path)
      try MetricsWriter(path, resumingAt: position).append("{}")
      #expect(try String(decoding: InputFile.bytes(of: path), as: UTF8.self) == after + "{}\n")
    }
    // Saved after the last step of epoch 2, before its end: the epoch ends once more.
    (position.epoch, position.step, position.stepInEpoch) = (1, 20, 10)
    try AtomicFile.write(Array(lines.joined().utf8), to: path)
    try MetricsWriter(path, resumingAt: position).append("{}")
    #expect(try String(decoding: InputFile.bytes(of: path), as: UTF8.self) == lines[0] + "{}\n")
    try MetricsWriter(path).append("{\"new\":1}")
    #expect(try String(decoding: InputFile.bytes(of: path), as: UTF8.self) == "{\"new\":1}\n")
  }
}
