import Foundation
import HDF5Files

/// Draws the training curve with gnuplot, as SVG or PNG by the file's name.
public final class CurvePlotter: TrainingObserver {
  private let path: String
  private let title: String
  private var history: [EpochMetrics] = []
  private var lastDrawn = 0.0

  /// Checks that the picture can be made, before any work is done.
  public init(_ path: String, title: String) throws {
    (self.path, self.title) = (path, title)
    guard path.hasSuffix(".svg") || path.hasSuffix(".png") else {
      throw ConfigurationError("plot is \(path), but must end in .svg or .png")
    }
    try AtomicFile.check(path)
    guard Self.gnuplot != nil else {
      throw FileError(.missing, path: "gnuplot", "is not installed; launch/setup installs it")
    }
  }

  public func epochFinished(_ metrics: EpochMetrics) throws {
    history.append(metrics)
    // Starting gnuplot takes longer than an epoch of a small model.
    if monotonicSeconds() - lastDrawn > 10 { try draw() }
  }

  public func trainingFinished() throws { if !history.isEmpty { try draw() } }

  private static let gnuplot: String? = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin")
    .split(separator: ":").map { "\($0)/gnuplot" }
    .first { FileManager.default.isExecutableFile(atPath: $0) }

  private func draw() throws {
    guard let gnuplot = Self.gnuplot else { return }
    let process = Process()
    let (input, output) = (Pipe(), Pipe())
    process.executableURL = URL(fileURLWithPath: gnuplot)
    (process.standardInput, process.standardOutput) = (input, output)
    process.standardError = FileHandle.nullDevice
    try process.run()
    input.fileHandleForWriting.write(Foundation.Data(script.utf8))
    try input.fileHandleForWriting.close()
    let picture = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0, !picture.isEmpty else {
      throw FileError(.notWritable, path: path, "gnuplot could not draw the curve")
    }
    try AtomicFile.write([UInt8](picture), to: path)
    lastDrawn = monotonicSeconds()
  }

  private var script: String {
    let terminal = path.hasSuffix(".svg") ? "svg size 640,420 background 'white'" : "pngcairo size 960,630"
    var curves: [(name: String, value: (EpochMetrics) -> Double?)] = [
      ("train loss", { $0.train.meanLoss }), ("train accuracy", { $0.train.accuracy }),
    ]
    if history.contains(where: { $0.test != nil }) { curves.append(("test accuracy", { $0.test?.accuracy })) }
    var lines = [
      "set terminal \(terminal)", "set title '\(title)'", "set xlabel 'epoch'", "set grid", "set yrange [0:*]",
      "set key outside top center horizontal",
    ]
    for (index, curve) in curves.enumerated() {
      lines.append("$curve\(index) << END")
      lines += history.compactMap { metrics in curve.value(metrics).map { "\(metrics.epoch) \($0)" } }
      lines.append("END")
    }
    lines.append(
      "plot "
        + curves.indices.map { "$curve\($0) with linespoints linewidth 2 title '\(curves[$0].name)'" }
        .joined(separator: ", "))
    return lines.joined(separator: "\n") + "\n"
  }
}
