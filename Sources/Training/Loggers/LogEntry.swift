import Datasets

/// Where a logger writes what it saw.
public enum LogFormat: String, SettingName {
  /// An event file that TensorBoard shows.
  case tensorboard
  /// `metrics.jsonl`, a line of JSON for each thing.
  case jsonl
  /// `metrics.csv`, a row for each logged step and epoch.
  case csv
}

/// A number that is logged.
struct LogValue {
  /// `train`, `valid` or `test` of an epoch, `step` of a step; empty for what is of no data.
  let split: String
  let name: String
  let value: Double

  init(_ split: String, _ name: String, _ value: Double) { (self.split, self.name, self.value) = (split, name, value) }

  /// As metrics spell it.
  var key: String { split.isEmpty ? name : EpochMetrics.key(split, name) }
}

/// One thing that a logger has to say.
enum LogEntry {
  /// Numbers of a step, `event` says of what: a step or an epoch.
  case numbers(_ event: String, step: Int, epoch: Int, [LogValue])
  /// The configuration that a training begins, or goes on, with.
  case configuration(Configuration, step: Int)
  case picture(_ name: String, Picture, step: Int)
  case histogram(_ name: String, Histogram, step: Int)
}

/// A file that entries are written to, in its own format; what it has no place for it leaves out.
protocol LogFile {
  func write(_ entry: LogEntry) throws
}

/// How often the values of a tensor fall in each of equal parts of their range. What is not finite is left out.
struct Histogram: Equatable {
  let least, most, sum, sumOfSquares: Double
  /// One more than there are counts: each part's beginning, and the end.
  let edges: [Double]
  let counts: [Int]

  init(_ values: [Float], parts: Int = 64) {
    let numbers = values.lazy.filter(\.isFinite).map(Double.init)
    let (least, most) = (numbers.min() ?? 0, numbers.max() ?? 0)
    (self.least, self.most) = (least, most)
    sum = numbers.reduce(0, +)
    sumOfSquares = numbers.reduce(0) { $0 + $1 * $1 }
    let width = (most - least) / Double(parts)
    // All the same: one part around it.
    guard width > 0 else {
      (edges, counts) = ([least - 0.5, least + 0.5], [numbers.count])
      return
    }
    edges = (0...parts).map { $0 == parts ? most : least + Double($0) * width }
    var counts = [Int](repeating: 0, count: parts)
    for number in numbers { counts[min(Int((number - least) / width), parts - 1)] += 1 }
    self.counts = counts
  }
}
