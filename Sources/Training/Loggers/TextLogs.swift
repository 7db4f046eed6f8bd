import Checkpoints
import Foundation
import HDF5Files

/// Lines of JSON, each with its `event`: `start` with the configuration, `step`, `epoch`, `histogram`.
struct JSONLog: LogFile {
  private let file: LineFile

  init(in folder: String, resumingAt position: TrainingPosition?) throws {
    let path = "\(folder)/metrics.jsonl"
    if let position { try LineFile.repair(path, at: position, stepOf: LineFile.stepOfJSON) }
    file = try LineFile(path, isAppending: position != nil)
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
    if let position { try LineFile.repair(path, at: position) { Int($0.prefix { $0 != "," }) } }
    let isNew = position == nil || (try? InputFile.bytes(of: path))?.isEmpty ?? true
    file = try LineFile(path, isAppending: position != nil)
    if isNew { try file.append((["step", "epoch", "event"] + columns).joined(separator: ",")) }
  }

  func write(_ entry: LogEntry) throws {
    guard case .numbers(let event, let step, let epoch, let values) = entry else { return }
    let known = Dictionary(values.map { ($0.key, $0.value) }) { first, _ in first }
    let cells = columns.map { name in known[name].map { $0.isFinite ? "\($0)" : "" } ?? "" }
    try file.append((["\(step)", "\(epoch)", event] + cells).joined(separator: ","))
  }
}

extension LineFile {
  /// Cuts off what a killed training left behind: half a line, and steps that are trained once more.
  ///
  /// - Parameter stepOf: the step of a line; nil for one of none, which stays.
  static func repair(_ path: String, at position: TrainingPosition, stepOf: (String) -> Int?) throws {
    try AtomicFile.check(path, as: .other)
    guard let bytes = try? InputFile.bytes(of: path) else { return }
    var kept: [UInt8] = []
    for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast() {
      if let step = stepOf(String(decoding: line, as: UTF8.self)), step > position.step { continue }
      kept += line + [UInt8(ascii: "\n")]
    }
    if kept != bytes { try AtomicFile.write(kept, to: path) }
  }

  static func stepOfJSON(_ line: String) -> Int? {
    let event = try? JSONSerialization.jsonObject(with: Foundation.Data(line.utf8)) as? [String: Any]
    return event?["step"] as? Int
  }
}
