import Checkpoints
import Datasets
import Foundation
import HDF5Files
import Networks
import Tensors

/// Logs a training into a folder: losses, learning rate and gradient norm of some steps, all figures of each epoch, and where asked
/// for histograms of the weights. What can't be written is told once and then left out: no training ends for it.
public final class RunLogger: TrainingObserver {
  private let file: any LogFile
  private let folder: String
  private let interval: Int
  private let logsHistograms: Bool
  private let warn: (String) -> Void
  private weak var model: Module?
  public private(set) var failure: FileError?

  /// Makes the folder and a file in it, before any work is done.
  ///
  /// - Parameters:
  ///   - format: TensorBoard's events, or a text.
  ///   - folder: of this run alone; made where it is missing.
  ///   - objective: whose figures there will be.
  ///   - interval: a step of so many is logged, and the first; the trainer's `checks.gradientNormInterval` should be the same.
  ///   - histograms: logs how the weights of each parameter are spread, after each epoch.
  ///   - position: where a training goes on; what the folder says of later steps is forgotten.
  ///   - warn: is told of the first thing that can't be written.
  public init(
    _ format: LogFormat, in folder: String, of objective: any Objective, every interval: Int = 50,
    histograms: Bool = false, resumingAt position: TrainingPosition? = nil,
    warn: @escaping (String) -> Void = { StandardOutput.error("warning: \($0)") }
  ) throws {
    (self.folder, self.interval, logsHistograms, self.warn) = (folder, max(interval, 1), histograms, warn)
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw FileError(.notWritable, path: folder, "this folder can't be made")
    }
    switch format {
    case .tensorboard: file = try EventFile(in: folder, resumingAt: position?.step)
    case .jsonl: file = try JSONLog(in: folder, resumingAt: position)
    case .csv: file = try CSVLog(in: folder, columns: Self.columns(objective), resumingAt: position)
    }
  }

  private static func columns(_ objective: any Objective) -> [String] {
    let names = objective.measures(of: Totals(objective.sums)).map(\.name)
    return ["step", "train", "valid", "test"].flatMap { split in names.map { EpochMetrics.key(split, $0) } }
      + ["learning_rate", "gradient_norm", "\(objective.unit)_per_second"]
  }

  /// What there is to be said before the first step: the configuration, and what some training images look like.
  public func begin(_ trainer: Trainer, pictures: Picture? = nil) {
    model = trainer.model
    let step = trainer.position.step
    write(.configuration(trainer.configuration, step: step))
    if let pictures { write(.picture("training images", pictures, step: step)) }
  }

  public func stepFinished(_ step: FinishedStep) {
    let number = step.position.step
    guard number == 1 || number % interval == 0 else { return }
    var values: [LogValue] = []
    if step.latest.weight > 0 {
      values += step.objective.measures(of: step.latest).map { LogValue("step", $0.name, $0.value) }
    }
    values.append(LogValue("", "learning_rate", step.learningRate))
    if let norm = step.gradientNorm { values.append(LogValue("", "gradient_norm", norm)) }
    write(.numbers("step", step: number, epoch: step.position.epoch + 1, values))
  }

  public func epochFinished(_ metrics: EpochMetrics) {
    let splits = [
      ("train", metrics.trainMeasures), ("valid", metrics.validationMeasures), ("test", metrics.testMeasures),
    ]
    let values = splits.flatMap { split, measures in measures.map { LogValue(split, $0.name, $0.value) } }
    let speed = LogValue("", "\(metrics.objective.unit)_per_second", metrics.examplesPerSecond)
    write(.numbers("epoch", step: metrics.step, epoch: metrics.epoch, values + [speed]))
    guard logsHistograms, let model else { return }
    for (name, tensor) in model.namedParameters {
      // Reading can't fail: a step has just computed with it.
      guard let values = try? tensor.detached().floats() else { continue }
      write(.histogram("weights/\(name)", Histogram(values), step: metrics.step))
    }
  }

  private func write(_ entry: LogEntry) {
    do { try file.write(entry) } catch {
      guard failure == nil else { return }
      failure = error as? FileError ?? FileError(.inputOutput, path: folder, "\(error)")
      warn("\(error); the training goes on without this log")
    }
  }
}
