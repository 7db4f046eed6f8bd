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

  private var script: [String] {
    let names = history.first?.trainMeasures.map(\.name) ?? []
    var curves: [(name: String, value: (EpochMetrics) -> Double?)] = names.indices.map { index in
      ("train \(names[index])", { $0.trainMeasures[index].value })
    }
    if let name = names.last, history.contains(where: { $0.validation != nil }) {
      curves.append(("valid \(name)", { $0.validationMeasures.last?.value }))
    }
    if let name = names.last, history.contains(where: { $0.test != nil }) {
      curves.append(("test \(name)", { $0.testMeasures.last?.value }))
    }
    var lines = [
      "set title '\(title)'", "set xlabel 'epoch'", "set grid", "set yrange [0:*]",
      "set key outside top center horizontal",
    ]
    for (index, curve) in curves.enumerated() {
      let points = history.compactMap { metrics in curve.value(metrics).map { (Double(metrics.epoch), $0) } }
      lines += Gnuplot.block("curve\(index)", points)
    }
    lines.append(
      "plot "
        + curves.indices.map { "$curve\($0) with linespoints linewidth 2 title '\(curves[$0].name)'" }
        .joined(separator: ", "))
    return lines
  }
}
