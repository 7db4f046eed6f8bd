import Failures
import Foundation

/// Draws the training curve with gnuplot.
public final class CurvePlotter: TrainingObserver {
  private let path: String
  private let title: String
  private var history: [EpochMetrics] = []
  private var lastDrawn = 0.0

  /// Checks that the picture can be made, before any work is done.
  public init(_ path: String, title: String) throws {
    (self.path, self.title) = (path, title)
    try Gnuplot.check(path)
  }

  public func epochFinished(_ metrics: EpochMetrics) throws {
    history.append(metrics)
    // Starting gnuplot takes longer than an epoch of a small model.
    if monotonicSeconds() - lastDrawn > 10 { try draw() }
  }

  public func trainingFinished() throws { if !history.isEmpty { try draw() } }

  private func draw() throws {
    try Gnuplot.draw(script, to: path)
    lastDrawn = monotonicSeconds()
  }

  private var script: [String] {
    let names = history.first?.trainMeasures.map(\.name) ?? []
    var curves: [(name: String, value: (EpochMetrics) -> Double?)] = names.indices.map { index in
      ("train \(names[index])", { $0.trainMeasures[index].value })
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
