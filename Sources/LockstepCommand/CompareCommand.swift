import ArgumentParser
import Foundation
import Lockstep

struct CompareCommand: SoloCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare", abstract: "Compares trainings: a table of their figures, and their curves in one picture.",
    discussion: "RUN is a checkpoint or a folder of them, a file of --metrics, or a folder of --logger jsonl.")

  @Argument(help: ArgumentHelp("The trainings.", valueName: "run"), completion: .file()) var runs: [String]
  @Option(help: "Draws the curves of all of them to this .svg or .png file.", completion: .picture) var plot: String?

  func run() throws {
    if let plot { try Gnuplot.check(plot) }
    let histories = try runs.map { try RunHistory($0) }
    let names = Self.names(runs)
    let figures = Set(histories.flatMap(\.figures)).sorted()
    print(Self.table(zip(names, histories).map { ($0, $1) }, figures).joined(separator: "\n"))
    guard let plot else { return }
    let groups = figures.byName
    try Gnuplot.draw(
      Self.script(zip(names, histories).map { ($0, $1) }, groups), to: plot, size: (640 * max(groups.count, 1), 460))
    print("\(plot): \(groups.map(\.name).joined(separator: ", "))")
  }

  /// The last part of each path, or where those are alike the whole of it.
  private static func names(_ paths: [String]) -> [String] {
    let short = paths.map { path -> String in
      let url = URL(fileURLWithPath: path)
      return (["h5", "jsonl"].contains(url.pathExtension) ? url.deletingPathExtension() : url).lastPathComponent
    }
    return Set(short).count == short.count ? short : paths
  }

  /// A row for each run: its figures after the last epoch, and when the one that counts was best.
  private static func table(_ runs: [(name: String, history: RunHistory)], _ figures: [Figure]) -> [String] {
    let head = ["run", "model", "epochs", "time"] + figures.map(\.key) + ["best"]
    let rows = runs.map { name, history -> [String] in
      let cells = figures.map { figure in history.points(figure).last.map { String(format: "%.4f", $0.1) } ?? "-" }
      return [
        name, history.configuration?.model ?? "-", "\(history.epochs.last?.number ?? 0)",
        ProgressPrinter.clock(history.seconds),
      ] + cells + [best(history)]
    }
    let columns = head.indices.map { column in ([head] + rows).map { $0[column].columns }.max() ?? 0 }
    return ([head] + rows).map { row in
      row.enumerated().map { column, cell in
        column < 2 ? cell.left(columns[column]) : cell.right(columns[column])
      }.joined(separator: "  ")
    }
  }

  private static func best(_ history: RunHistory) -> String {
    guard let figure = history.figures.last(where: { $0.split != "train" }) ?? history.figures.last else { return "-" }
    let points = history.points(figure)
    let best = figure.isGain ? points.max { $0.1 < $1.1 } : points.min { $0.1 < $1.1 }
    return best.map { "\(figure.key) \(String(format: "%.4f", $0.1)) in epoch \(Int($0.0))" } ?? "-"
  }

  /// A picture beside the other for each figure; training is dashed where there are tests as well.
  private static func script(
    _ runs: [(name: String, history: RunHistory)], _ groups: [(name: String, figures: [Figure])]
  ) -> [String] {
    var lines = ["set multiplot layout 1,\(max(groups.count, 1))"]
    for (index, group) in groups.enumerated() {
      let curves = runs.enumerated().flatMap { number, run in
        group.figures.map { figure in
          CurvePicture.Curve(
            "\(run.name), \(figure.split)", run.history.points(figure),
            isDashed: figure.split == "train" && group.figures.count > 1, color: number)
        }
      }
      lines += CurvePicture(group.name, curves).script("panel\(index)_")
    }
    return lines + ["unset multiplot"]
  }
}
