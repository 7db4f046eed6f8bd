import ArgumentParser
import Foundation
import HDF5Files
import Lockstep

struct TuneRateCommand<Tool: LockstepTool>: JobCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "tune-rate",
      abstract: "Finds a learning rate: raises it from step to step, and suggests where the loss falls fastest.",
      discussion: """
        Takes the options of `train` that say what is trained on and how; those that save, resume or share a step in another \
        way are refused. It computes in reproducible mode, so that any number of ranks finds the same rate, and leaves \
        nothing behind but what --output and --plot ask for.
        """)
  }

  @Option(parsing: .unconditional, help: "The learning rate of the first step.") var minRate = 1e-6
  @Option(parsing: .unconditional, help: "The learning rate of the last step.") var maxRate = 10.0
  @Option(parsing: .unconditional, help: "How many learning rates are tried.") var tries = 100
  @Option(help: "Writes rates, losses and the suggestion to this file, as one line of JSON.") var output: String?
  @OptionGroup(title: "As for train") var training: TrainCommand<Tool>

  /// What every rank can tell by itself.
  func validate() throws {
    let refused: [(String, Bool)] = [
      ("checkpoint", training.checkpoint != nil), ("resume", training.resume != nil),
      ("metrics", training.metrics != nil), ("folds", training.folds != nil),
      ("submission", training.submission != nil), ("simulate-ranks", training.simulateRanks != nil),
      ("trace", training.tracing.trace != nil), ("logger", training.logging.logger != nil),
      ("dry-run", training.dryRun),
    ]
    if let (name, _) = refused.first(where: { $0.1 }) {
      throw ValidationError("--\(name) is for train; tune-rate leaves nothing behind")
    }
    if let name = training.distribution.given.keys.sorted().first {
      throw ValidationError("--\(name) is for train; tune-rate computes in reproducible mode")
    }
  }

  func run() throws {
    StopSignal.install()
    let test = try RateTest(from: minRate, to: maxRate, steps: tries)
    let communicator = try joinJob()
    let job = try training.makeJob(communicator)
    try communicator.agreeing("output") {
      if communicator.isRoot, let output { try AtomicFile.check(output, as: .other, from: [training.data]) }
    }
    var configuration = test.configuration(of: job.asked)
    configuration.reproducible = true
    let trainer = try Trainer(job.network, job.objective, configuration, on: communicator)
    let line = WorkLine("rates", isShown: communicator.isRoot && !training.quiet && isShownOnTerminal)
    let points = try test.run(trainer, on: job.train) { line.draw(Double($0) / Double(tries)) }
    line.clear()
    let suggestion = RateTest.suggestion(of: points)
    try communicator.agreeing("output") {
      guard communicator.isRoot else { return }
      if let output { try AtomicFile.write(Array(Self.json(points, suggestion).utf8), to: output) }
      if let plot = training.plot { try Gnuplot.draw(picture(points, suggestion), to: plot) }
    }
    if communicator.isRoot { report(points, suggestion) }
    guard suggestion != nil else { throw NoRate(steps: points.count) }
  }

  private func report(_ points: [RateTest.Point], _ suggestion: Double?) {
    if !training.quiet, let last = points.last {
      let rates = "from \(Self.short(minRate)) to \(Self.short(last.rate))"
      let end = points.count < tries ? ", where the loss burst" : ""
      Console.show("\(training.model): \(points.count) steps, \(rates)\(end)")
      if let lowest = points.min(by: { $0.smoothed < $1.smoothed }) {
        Console.show("lowest loss \(String(format: "%.4f", lowest.smoothed)) at \(Self.short(lowest.rate))")
      }
    }
    if let suggestion { Console.show("suggestion: --learning-rate \(Self.short(suggestion))") }
  }

  private func picture(_ points: [RateTest.Point], _ suggestion: Double?) -> [String] {
    var lines = [
      "set title '\(Gnuplot.quoted(training.model, most: 40)): loss over the learning rate'",
      "set xlabel 'learning rate'", "set ylabel 'loss'", "set logscale x", "set format x '10^{%L}'", "set grid",
      "set key top left",
    ]
    let bars = points.map(\.smoothed).filter(\.isFinite)
    if let least = bars.min(), let most = bars.max(), most > least {
      lines.append("set yrange [\(least - 0.1 * (most - least)):\(most + 0.1 * (most - least))]")
    }
    lines += Gnuplot.block("losses", points.map { ($0.rate, $0.loss) })
    lines += Gnuplot.block("smoothed", points.map { ($0.rate, $0.smoothed) })
    var curves = [
      "$losses with lines linewidth 1 linecolor rgb '#bbbbbb' title 'each step'",
      "$smoothed with lines linewidth 2 title 'smoothed'",
    ]
    if let suggestion, let point = points.first(where: { $0.rate == suggestion }) {
      lines += Gnuplot.block("suggestion", [(point.rate, point.smoothed)])
      let look = "with points pointtype 7 pointsize 1.2 linecolor rgb '#cc0000'"
      curves.append("$suggestion \(look) title 'suggestion \(Self.short(suggestion))'")
    }
    return lines + ["plot " + curves.joined(separator: ", ")]
  }

  private static func json(_ points: [RateTest.Point], _ suggestion: Double?) -> String {
    func list(_ path: KeyPath<RateTest.Point, Double>) -> String {
      "[" + points.map { "\($0[keyPath: path])" }.joined(separator: ",") + "]"
    }
    return "{\"suggestion\":\(suggestion.map { "\($0)" } ?? "null"),\"rates\":\(list(\.rate)),"
      + "\"losses\":\(list(\.loss)),\"smoothed\":\(list(\.smoothed))}\n"
  }

  private static func short(_ rate: Double) -> String { String(format: "%.2g", rate) }
}

/// A test after which no rate can be suggested.
private struct NoRate: Failure {
  let steps: Int
  var kind: FailureKind { .internalError }
  var isAgreed: Bool { true }
  var description: String {
    "no rate can be suggested: the loss did not fall in \(steps) steps; try another --min-rate and --max-rate, or more --tries"
  }
}
