import Foundation
import Lockstep

/// What `lockstep scale` says.
struct ScalingReport {
  let model: String
  let ranks, mostRanks: Int
  let found: ScalingMeasurement.Result
  /// For the network that was asked for.
  let prediction: ScalingPrediction
  /// For the ranks that are there.
  let here: ScalingPrediction

  /// How a training of a given length ends in a given time.
  struct Answer {
    let within: TimeSpan
    let fewest: (hosts: Int, seconds: Double)?
    let fastest: (hosts: Int, seconds: Double)

    var text: String {
      if let fewest { return "within \(within.description): \(Self.text(fewest))" }
      return "within \(within.description): no number of hosts; the fastest: \(Self.text(fastest))"
    }

    private static func text(_ one: (hosts: Int, seconds: Double)) -> String {
      "\(count(one.hosts, "host")) in \(TimeSpan(seconds: one.seconds).description)"
    }
  }

  func answer(samples: Double, within: TimeSpan) -> Answer {
    let (fewest, fastest) = prediction.hosts(forSamples: samples, within: within.seconds, mostRanks: mostRanks)
    return Answer(within: within, fewest: fewest, fastest: fastest)
  }

  private func rows(_ kind: ScalingPrediction.Kind) -> [ScalingPrediction.Row] {
    let doubled = sequence(first: 1) { $0 * 2 }.prefix { $0 < mostRanks } + [mostRanks]
    return Set(doubled + (ranks <= mostRanks ? [ranks] : [])).sorted().map { prediction.row(kind, ranks: $0) }
  }

  /// Of a step as it was predicted for these ranks.
  private var predicted: Double { here.row(.strong, ranks: ranks).step.seconds }
  private func error(_ measured: Double) -> Double { 100 * (predicted / measured - 1) }

  // MARK: For people

  func lines(_ answer: Answer?) -> [String] {
    var lines = [
      "\(model), batch \(prediction.batchSize), measured on \(count(ranks, "rank")) of "
        + "\(count(Threads.perRank, "thread"))"
    ]
    lines += [
      Table.row("  computing", computing), Table.row("  gradients", gradients), Table.row("  network", network),
    ]
    if let meanwhile { lines.append(Table.row("  meanwhile", meanwhile)) }
    lines += ["strong scaling: \(prediction.batchSize) samples a step"] + table(.strong)
    lines += ["weak scaling: \(prediction.shard) samples a step and rank"] + table(.weak)
    if let answer { lines.append(answer.text) }
    if let measured = found.measured {
      lines.append(
        "measured on these ranks: \(fixed(measured * 1e3, 3)) ms a step; predicted: \(fixed(predicted * 1e3, 3)) ms, "
          + "\(fixed(abs(error(measured)), 1)) % \(error(measured) < 0 ? "less" : "more")")
    }
    return lines
  }

  private var computing: String {
    let profile = found.present
    return "\(TimeSpan(seconds: profile.computing).description) for \(Int(profile.samples)) samples, "
      + "± \(TimeSpan(seconds: profile.spread).description), and \(TimeSpan(seconds: profile.update).description) of update"
  }

  private var gradients: String {
    let (buckets, whole) = (found.present.buckets, max(found.present.computing, 1e-12))
    let bytes = buckets.reduce(0) { $0 + $1.bytes }
    let ready = buckets.prefix(12).map { fixed(100 * $0.ready / whole, 0) }.joined(separator: ", ")
    return "\(rounded(bytes / 1e6)) MB in \(count(buckets.count, "sum")), which can begin after "
      + "\(ready)\(buckets.count > 12 ? "…" : "") % of computing"
  }

  private var network: String {
    let network = prediction.network
    let speed = network.between.secondsPerByte
    return "\(TimeSpan(seconds: network.between.latency).description), "
      + (speed > 1e-14 ? Bandwidth(bytesPerSecond: 1 / speed).description : "no limit seen of bytes a second")
      + (network.measured == nil ? "" : ", measured between these ranks")
      + (network.algorithm == .lockstep ? "" : "; sums by \(network.algorithm.rawValue)")
  }

  /// What sums and computing cost one another.
  private var meanwhile: String? {
    let overlap = prediction.overlap
    guard prediction.network.measured != nil, overlap != Overlap() else { return nil }
    return "sums go on at \(fixed(100 * overlap.progress, 0)) % of their speed, and cost "
      + "\(rounded(overlap.secondsPerByte * 1e9)) ns of computing a byte"
      + (overlap.queueing > 0.005 ? "; small messages wait \(fixed(100 * overlap.queueing, 0)) % of the time" : "")
  }

  private func table(_ kind: ScalingPrediction.Kind) -> [String] {
    let head = Table.row("  ranks", "step ms", found.unit + "/s", "efficiency", "waiting", "hidden")
    return [head]
      + rows(kind).map { row in
        Table.row(
          "  \(row.ranks)", rounded(row.step.seconds * 1e3), ProgressPrinter.grouped(row.perSecond),
          "\(fixed(100 * row.efficiency, 1)) %", "\(fixed(100 * row.step.waiting, 0)) %",
          row.ranks == 1 ? "-" : "\(fixed(100 * row.step.hidden, 0)) %")
      }
  }

  /// A script for gnuplot.
  var script: [String] {
    let curves = [(rows(.strong), "strong"), (rows(.weak), "weak")]
    let first = curves[0].0.first?.perSecond ?? 1
    var lines = [
      "set title '\(Gnuplot.quoted("\(model), batch \(prediction.batchSize)", most: 80))' noenhanced",
      "set xlabel 'ranks'", "set ylabel '\(found.unit) per second'", "set logscale x 2", "set logscale y 10",
      "set format y '%.0f'", "set grid", "set key left top",
    ]
    lines += Gnuplot.block("ideal", curves[0].0.map { (Double($0.ranks), first * Double($0.ranks)) })
    for (rows, name) in curves { lines += Gnuplot.block(name, rows.map { (Double($0.ranks), $0.perSecond) }) }
    let drawn = curves.map { "$\($0.1) with linespoints linewidth 2 title '\($0.1) scaling'" }
    return lines + [
      "plot $ideal with lines dashtype 2 title 'as many times one rank', " + drawn.joined(separator: ", ")
    ]
  }

  // MARK: For programs

  struct Line: Encodable {
    struct Row: Encodable {
      let ranks, batchSize: Int
      let stepMs, perSecond, efficiency, waiting, hidden: Double
    }
    struct Bucket: Encodable { let bytes, readyMs: Double }

    let model, unit: String
    let ranks, threads, batchSize: Int
    let computingMs, spreadMs, updateMs: Double
    let buckets: [Bucket]
    let latencyUs, bandwidthMbit: Double
    let networkMeasured: Bool
    let strong, weak: [Row]
    /// Of the question within which time.
    let hosts: Int?
    let hostsSeconds: Double?
    /// Of these ranks.
    let predictedMs: Double
    let measuredMs, errorPercent: Double?

    var text: String {
      get throws {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
      }
    }
  }

  func line(_ answer: Answer?) -> Line {
    func rows(_ kind: ScalingPrediction.Kind) -> [Line.Row] {
      self.rows(kind).map {
        .init(
          ranks: $0.ranks, batchSize: $0.batch, stepMs: $0.step.seconds * 1e3, perSecond: $0.perSecond,
          efficiency: $0.efficiency, waiting: $0.step.waiting, hidden: $0.step.hidden)
      }
    }
    let (profile, link) = (found.present, prediction.network.between)
    return Line(
      model: model, unit: found.unit, ranks: ranks, threads: Threads.perRank, batchSize: prediction.batchSize,
      computingMs: profile.computing * 1e3, spreadMs: profile.spread * 1e3, updateMs: profile.update * 1e3,
      buckets: profile.buckets.map { .init(bytes: $0.bytes, readyMs: $0.ready * 1e3) }, latencyUs: link.latency * 1e6,
      bandwidthMbit: 8e-6 / max(link.secondsPerByte, 1e-15), networkMeasured: prediction.network.measured != nil,
      strong: rows(.strong), weak: rows(.weak), hosts: answer?.fewest?.hosts, hostsSeconds: answer?.fewest?.seconds,
      predictedMs: predicted * 1e3, measuredMs: found.measured.map { $0 * 1e3 },
      errorPercent: found.measured.map(error))
  }
}

/// `1 host`, `2 hosts`.
private func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
