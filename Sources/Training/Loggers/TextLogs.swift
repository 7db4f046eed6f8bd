import Checkpoints
import Foundation
import HDF5Files

/// Lines of JSON, each with its `event`: `start` with the configuration, `step`, `epoch`, `histogram`.
struct JSONLog: LogFile {
  private let file: LineFile

  init(in folder: String, resumingAt position: TrainingPosition?) throws {
    let path = "\(folder)/metrics.jsonl"
    file = try LineFile(path, resumingAt: position, LoggedMoment.init(json:))
  }

  func write(_ entry: LogEntry) throws {
    func head(_ event: String, _ step: Int) -> [(String, String)] { [("event", "\"\(event)\""), ("step", "\(step)")] }
    switch entry {
    case .numbers(let event, let step, let epoch, let values):
      let numbers = values.map { ($0.key, EpochMetrics.number($0.value)) }
      try file.append(EpochMetrics.object(head(event, step) + [("epoch", "\(epoch)")] + numbers))
    case .configuration(let configuration, let step):
      try file.append(EpochMetrics.object(head("start", step) + [("configuration", try configuration.json())]))
    case .histogram(let name, let histogram, let step):
      let numbers = [("edges", "\(histogram.edges)"), ("counts", "\(histogram.counts)")]
      try file.append(EpochMetrics.object(head("histogram", step) + [("name", "\"\(name)\"")] + numbers))
    case .picture: break
    }
  }
}

/// A table with a row for each logged step and epoch; what a row does not know is empty.
struct CSVLog: LogFile {
  private let file: LineFile
  private let columns: [String]

  init(in folder: String, columns: [String], resumingAt position: TrainingPosition?) throws {
    let path = "\(folder)/metrics.csv"
    self.columns = columns
    file = try LineFile(path, resumingAt: position, LoggedMoment.init(row:))
    let isNew = position == nil || (try? InputFile.bytes(of: path))?.isEmpty ?? true
    if isNew { try file.append((["step", "epoch", "event"] + columns).joined(separator: ",")) }
  }

  func write(_ entry: LogEntry) throws {
    guard case .numbers(let event, let step, let epoch, let values) = entry else { return }
    let known = Dictionary(values.map { ($0.key, $0.value) }) { first, _ in first }
    let cells = columns.map { name in known[name].map { $0.isFinite ? "\($0)" : "" } ?? "" }
    try file.append((["\(step)", "\(epoch)", event] + cells).joined(separator: ","))
  }
}

/// What a line of a log was written after.
struct LoggedMoment {
  let step: Int
  /// Whether it was the epoch's end, its evaluation included, and not the step alone.
  let isEpochsEnd: Bool

  /// nil for a line of no step.
  init?(json line: String) {
    let event = try? JSONSerialization.jsonObject(with: Foundation.Data(line.utf8)) as? [String: Any]
    guard let step = event?["step"] as? Int else { return nil }
    (self.step, isEpochsEnd) = (step, ["epoch", "histogram"].contains(event?["event"] as? String))
  }

  /// Of a table whose columns begin with the step, the epoch and the event; nil for its head.
  init?(row: String) {
    let cells = row.split(separator: ",", maxSplits: 3, omittingEmptySubsequences: false)
    guard let step = Int(cells[0]) else { return nil }
    (self.step, isEpochsEnd) = (step, cells.count > 2 && cells[2] == "epoch")
  }

  /// Whether a training that goes on from `position` comes here once more. A state may be of an epoch's last step and not of
  /// its end, which is then still to come.
  func isAhead(of position: TrainingPosition) -> Bool {
    step > position.step || (step == position.step && isEpochsEnd && position.stepInEpoch > 0)
  }
}

extension LineFile {
  /// Opens a log anew or, where a training goes on, behind what came before, without what a killed one left there: half a line,
  /// and what comes once more.
  ///
  /// - Parameter moment: of a line; nil for one of none, which stays.
  convenience init(_ path: String, resumingAt position: TrainingPosition?, _ moment: (String) -> LoggedMoment?) throws {
    if let position { try Self.cut(path, behind: position, moment) }
    try self.init(path, isAppending: position != nil)
  }

  private static func cut(_ path: String, behind place: TrainingPosition, _ moment: (String) -> LoggedMoment?) throws {
    try AtomicFile.check(path, as: .other)
    guard let bytes = try? InputFile.bytes(of: path) else { return }
    var kept: [UInt8] = []
    for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast() {
      if moment(String(decoding: line, as: UTF8.self))?.isAhead(of: place) == true { continue }
      kept += line + [UInt8(ascii: "\n")]
    }
    if kept != bytes { try AtomicFile.write(kept, to: path) }
  }
}
