import Datasets
import Foundation
import HDF5Files
import Lockstep
import Synchronization
import Testing

@testable import TestSupport
@testable import Training

@Suite struct LoggerTests {
  /// Source: RFC 3720, appendix B.4.
  @Test func castagnolisChecksum() {
    #expect(CRC32C.value(Array("123456789".utf8)) == 0xE306_9283)
    #expect(CRC32C.value([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    #expect(CRC32C.value([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
    #expect(CRC32C.value([]) == 0)
  }

  /// Byte for byte what TensorBoard's own messages are (`Fixtures/make_events.py`).
  @Test func eventFilesAreTensorBoards() throws {
    let records: [String] = try Fixture.load("events", in: .module)
    let folder = try TemporaryFolder()
    let file = try EventFile(in: folder.path, resumingAt: 7, clock: { 1.5 })
    try file.write(
      .numbers("step", step: 300, epoch: 1, [LogValue("step", "loss", 0.25), LogValue("", "learning_rate", 0.1)]))
    let histogram = Histogram([-1, 0, 2, 3, .nan], parts: 2)
    #expect(histogram.edges == [-1, 1, 3] && histogram.counts == [2, 2])
    try file.write(.histogram("weights/0.bias", Histogram([-1, 0, 2, 3].map { Float($0) }, parts: 2), step: 300))
    let name = try #require(try folder.names.first)
    #expect(try folder.names.count == 1 && name.hasPrefix("events.out.tfevents.0000000001."))
    let found = try InputFile.bytes(of: folder.file(name)).map { String(format: "%02x", $0) }.joined()
    #expect(found == records.joined())
  }

  @Test func histogramsOfOddTensors() {
    #expect(Histogram([]).counts == [0])
    #expect(Histogram([2, 2, .infinity]).counts == [2] && Histogram([2, 2]).edges == [1.5, 2.5])
    #expect(Histogram((0..<640).map { Float($0) }).counts == [Int](repeating: 10, count: 64))
  }

  private func train(_ observers: [any TrainingObserver], epochs: Int = 2, from position: Checkpoint? = nil) throws {
    let trainer = try Trainer(
      drawing: smallNetwork(), Classification(), smallConfiguration(epochs: epochs, batchSize: 4, learningRate: 0.01))
    try position.map { try trainer.resume(from: $0) }
    trainer.observers = observers
    trainer.checks.gradientNormInterval = 3
    for case let logger as RunLogger in observers {
      logger.begin(trainer, pictures: Picture(firstOf: ImageDataset(smallImages(20)), trainer.configuration))
    }
    try trainer.fit(ImageDataset(smallImages(20)), test: ImageDataset(smallImages(8)))
  }

  private func logger(_ format: LogFormat, _ folder: String, histograms: Bool = false) throws -> RunLogger {
    try RunLogger(format, in: folder, of: Classification(), every: 3, histograms: histograms)
  }

  @Test func linesOfJSON() throws {
    let folder = try TemporaryFolder()
    try train([logger(.jsonl, folder.file("runs/a"), histograms: true)])
    let text = try String(decoding: InputFile.bytes(of: folder.file("runs/a/metrics.jsonl")), as: UTF8.self)
    let events = try text.split(separator: "\n").map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
    let names = events.compactMap { $0["event"] as? String }
    #expect(
      names == ["start", "step", "step", "epoch"] + [String](repeating: "histogram", count: 4) + [
        "step", "step", "epoch",
      ] + [String](repeating: "histogram", count: 4))
    #expect((events[0]["configuration"] as? [String: Any])?["batchSize"] as? Int == 4)
    let steps = events.filter { $0["event"] as? String == "step" }
    #expect(steps.map { $0["step"] as? Int } == [1, 3, 6, 9] && steps.map { $0["epoch"] as? Int } == [1, 1, 2, 2])
    for step in steps {
      #expect(step["learning_rate"] as? Double == 0.01 && (step["gradient_norm"] as? Double ?? 0) > 0)
      #expect((step["step_loss"] as? Double ?? 0) > 0)
    }
    let epoch = try #require(events.last { $0["event"] as? String == "epoch" })
    #expect(epoch["epoch"] as? Int == 2 && epoch["test_accuracy"] is Double && epoch["train_loss"] is Double)
  }

  @Test func tables() throws {
    let folder = try TemporaryFolder()
    try train([logger(.csv, folder.path)])
    let rows = try String(decoding: InputFile.bytes(of: folder.file("metrics.csv")), as: UTF8.self)
      .split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
    #expect(rows[0].prefix(5) == ["step", "epoch", "event", "step_loss", "step_accuracy"])
    #expect(
      rows.allSatisfy { $0.count == rows[0].count }
        && rows.dropFirst().map { $0[0] } == ["1", "3", "5", "6", "9", "10"])
    let norm = try #require(rows[0].firstIndex(of: "gradient_norm"))
    #expect(rows.dropFirst().map { $0[norm].isEmpty } == [false, false, true, false, false, true])
    // Goes on from step 5: what came later goes. So does the end of an epoch that is not over there.
    var position = TrainingPosition()
    position.step = 5
    for (stepInEpoch, kept) in [(0, ["step", "1", "3", "5"]), (5, ["step", "1", "3"])] {
      position.stepInEpoch = stepInEpoch
      _ = try RunLogger(.csv, in: folder.path, of: Classification(), resumingAt: position)
      let rows = try String(decoding: InputFile.bytes(of: folder.file("metrics.csv")), as: UTF8.self)
        .split(separator: "\n")
      #expect(rows.map { $0.prefix { $0 != "," } } == kept.map { Substring($0) })
    }
  }

  /// A disk that fills up while a training runs ends no training, and is told once.
  @Test func aFullDisk() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createSymbolicLink(atPath: folder.file("metrics.jsonl"), withDestinationPath: "/dev/full")
    let warnings = Mutex([String]())
    let log = try RunLogger(.jsonl, in: folder.path, of: Classification(), every: 1) { text in
      warnings.withLock { $0.append(text) }
    }
    try train([log])
    #expect(log.failure?.kind == .cannotWrite && warnings.withLock { $0.count } == 1)
    #expect(
      warnings.withLock { $0.first }?.contains(
        "No space left on device; nothing was changed; the training goes on without this log") == true)
  }

  @Test(arguments: [LogFormat.tensorboard, .jsonl, .csv]) func aFolderThatCannotBe(_ format: LogFormat) throws {
    let folder = try TemporaryFolder()
    let file = try folder.put([1], "file")
    let error = #expect(throws: FileError.self) { try logger(format, file + "/log") }
    #expect(error?.kind == .cannotWrite)
  }

  /// A checkpoint knows what the epochs before it came to, those before a resume included.
  @Test func checkpointsKeepTheHistory() throws {
    let folder = try TemporaryFolder()
    func fit(_ epochs: Int, from checkpoint: Checkpoint?) throws -> Checkpoint {
      let trainer = try Trainer(
        drawing: smallNetwork(), Classification(), smallConfiguration(epochs: epochs, learningRate: 0.01))
      try checkpoint.map { try trainer.resume(from: $0) }
      try trainer.fit(ImageDataset(smallImages(20)), saving: CheckpointPlan(CheckpointFolder(folder.file("saved"))))
      return try CheckpointFolder.load(folder.file("saved")).checkpoint
    }
    let first = try fit(2, from: nil)
    let second = try fit(3, from: first)
    let history = try #require(second.metadata.history)
    #expect(first.metadata.history == Array(history.prefix(2)) && history.count == 3)
    for (index, line) in history.enumerated() {
      let event = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      #expect(event["epoch"] as? Int == index + 1 && event["backward_seconds"] is Double)
    }
  }

  // MARK: Pictures and tables

  @Test func curvesHaveTheirOwnAxes() {
    let curves: [CurvePicture.Curve] = [
      .init("train loss", [(1, 2), (2, 1)]), .init("train perplexity", [(1, 7), (2, 3)], isRight: true),
    ]
    let both = CurvePicture("t", curves, left: "loss", right: "perplexity").script()
    #expect(both.contains("set y2tics") && both.contains("set ylabel 'loss' noenhanced"))
    #expect(both.last?.contains("$curve1 axes x1y2 with linespoints") == true)
    let one = CurvePicture("t", [.init("loss", [(3, 2)])]).script()
    #expect(one.contains("set xrange [2.0:4.0]") && !one.contains("set y2tics"))
    #expect(one.last?.contains("with points pointtype 7") == true)
  }

  @Test func theConfigurationAsATable() throws {
    var configuration = smallConfiguration()
    (configuration.augment, configuration.warmup) = (Augmentation(cropPadding: 4, flips: true), 5)
    #expect(
      configuration.tableLines == [
        "  optimization     epochs 2, batch-size 16, learning-rate 0.1, optimizer sgd", "  learning rate    warmup 5",
        "  images           augment crop:4,flip", "  reproducibility  seed 7",
      ])
    // A setting of the old kind and the new one say the same.
    configuration.randomCrop = 6
    #expect(configuration.images.augmentation == Augmentation(cropPadding: 6, flips: true))
    let again = try Configuration(json: configuration.json(), path: "x")
    #expect(again == configuration)
  }
}
