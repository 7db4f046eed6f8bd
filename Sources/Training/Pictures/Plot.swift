import Failures
import Foundation
import HDF5Files

/// Draws the training curve with gnuplot. What can't be drawn is told once and tried again later.
public final class CurvePlotter: TrainingObserver {
  private let path: String
  private let title: String
  private let warn: (String) -> Void
  private var isWarned = false
  public private(set) var failure: FileError?
  private var history: [EpochMetrics] = []
  private var lastDrawn = 0.0

  /// Checks that the picture can be made, before any work is done.
  public init(
    _ path: String, title: String, warn: @escaping (String) -> Void = { StandardOutput.error("warning: \($0)") }
  ) throws {
    (self.path, self.title, self.warn) = (path, title, warn)
    try Gnuplot.check(path)
  }

  public func epochFinished(_ metrics: EpochMetrics) {
    history.append(metrics)
    // Starting gnuplot takes longer than an epoch of a small model.
    if monotonicSeconds() - lastDrawn > 10 { draw() }
  }

  public func trainingFinished() { if !history.isEmpty { draw() } }

  private func draw() {
    lastDrawn = monotonicSeconds()
    do {
      try Gnuplot.draw(script, to: path)
      failure = nil
    } catch {
      failure = error as? FileError ?? FileError(.inputOutput, path: path, "\(error)")
      if !isWarned { warn("\(error); the training goes on without this picture") }
      isWarned = true
    }
  }

  /// Losses and accuracies have one scale, as in the book; a perplexity or an error in the data's own unit has another.
  private var script: [String] {
    let names = history.first?.trainMeasures.map(\.name) ?? []
    let own = names.dropFirst().first { $0 != "accuracy" }
    func points(_ value: (EpochMetrics) -> Double?) -> [(Double, Double)] {
      history.compactMap { metrics in value(metrics).flatMap { $0.isFinite ? (Double(metrics.epoch), $0) : nil } }
    }
    var curves = names.indices.map { index in
      CurvePicture.Curve(
        "train \(names[index])", points { $0.trainMeasures[index].value }, isRight: names[index] == own)
    }
    if let name = names.last {
      curves += [
        CurvePicture.Curve("valid \(name)", points { $0.validationMeasures.last?.value }, isRight: name == own),
        CurvePicture.Curve("test \(name)", points { $0.testMeasures.last?.value }, isRight: name == own),
      ]
    }
    return CurvePicture(title, curves, left: own == nil ? "" : names.first ?? "", right: own ?? "").script()
  }
}
