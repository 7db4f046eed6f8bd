import Foundation
import HDF5Files
import Lockstep

/// What the epochs of a training came to: kept in its checkpoints, and in the files that `--metrics` and `--logger jsonl` write.
struct RunHistory {
  struct Epoch {
    let number: Int
    /// All numbers of the line by their names.
    let values: [String: Double]
  }

  let path: String
  let configuration: Configuration?
  let epochs: [Epoch]

  /// - Parameter path: a checkpoint or a folder of them, a file of metrics, or a logger's folder.
  init(_ path: String) throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw FileError(.missing, path: path, "no such run")
    }
    let log = path + "/metrics.jsonl"
    if isFolder.boolValue && FileManager.default.fileExists(atPath: log) {
      try self.init(path, lines: InputFile.bytes(of: log), of: log)
    } else if isFolder.boolValue || path.hasSuffix(".h5") {
      let (file, checkpoint) = try CheckpointFolder.load(path) { Console.warn($0) }
      try self.init(path, checkpoint, of: file)
    } else {
      try self.init(path, lines: InputFile.bytes(of: path), of: path)
    }
    if epochs.isEmpty { throw InputError(path, "knows no epoch that a training has ended") }
  }

  private init(_ path: String, _ checkpoint: Checkpoint, of file: String) throws {
    let lines = (checkpoint.metadata.history ?? []).joined(separator: "\n")
    let read = try RunHistory(path, lines: Array(lines.utf8), of: file)
    (self.path, epochs) = (path, read.epochs)
    configuration = try Configuration(json: checkpoint.configuration, path: file)
  }

  private init(_ path: String, lines: [UInt8], of file: String) throws {
    var (configuration, epochs): (Configuration?, [Epoch]) = (nil, [])
    for (index, line) in lines.split(separator: UInt8(ascii: "\n")).enumerated() {
      let read = try? JSONSerialization.jsonObject(with: Foundation.Data(line)) as? [String: Any]
      guard let event = read else { throw InputError(file, "line \(index + 1) is no line of metrics, expected JSON") }
      if event["event"] as? String == "start", let settings = event["configuration"] as? [String: Any],
        let json = try? JSONSerialization.data(withJSONObject: settings)
      {
        configuration = try Configuration(json: String(decoding: json, as: UTF8.self), path: file)
      }
      // Folds of a cross-validation are other trainings.
      guard event["event"] as? String == "epoch", let number = event["epoch"] as? Int, event["fold"] == nil else {
        continue
      }
      epochs.append(Epoch(number: number, values: event.compactMapValues { ($0 as? NSNumber)?.doubleValue }))
    }
    (self.path, self.configuration, self.epochs) = (path, configuration, epochs)
  }

  /// Figures by their names in metrics, `loss` before others and training before tests.
  var figures: [Figure] { Set(epochs.flatMap { $0.values.keys }).compactMap { Figure($0) }.sorted() }

  /// What a figure was after each epoch, where it was of any size that can be drawn.
  func points(_ figure: Figure) -> [(Double, Double)] {
    epochs.compactMap { epoch in
      epoch.values[figure.key].flatMap { abs($0) < 1e30 ? (Double(epoch.number), $0) : nil }
    }
  }

  /// Seconds that the training's steps spent on each of their parts, and on all that was beside them; nil where nobody noted it.
  var times: [(part: String, seconds: Double)]? {
    let parts = ["fetch", "forward", "backward", "wait", "update"].map { part in
      (part: part, seconds: epochs.reduce(0) { $0 + ($1.values["\(part)_seconds"] ?? 0) })
    }
    let known = parts.reduce(0) { $0 + $1.seconds }
    return known > 0 ? parts + [("evaluation and the rest", max(0, seconds - known))] : nil
  }

  /// Of the whole training. Each start of it counts from its own beginning.
  var seconds: Double {
    let all = epochs.map { $0.values["seconds"] ?? 0 }
    return zip(all, all.dropFirst().map(Optional.some) + [nil]).reduce(0) { sum, pair in
      pair.1.map { $0 >= pair.0 } ?? false ? sum : sum + pair.0
    }
  }
}

/// A figure of metrics: `test_accuracy` is the accuracy of the tests.
struct Figure: Hashable, Comparable {
  let key, split, name: String

  /// nil for what is none, such as the number of ranks.
  init?(_ key: String) {
    if key == "perplexity" {
      (self.key, split, name) = (key, "train", key)
      return
    }
    guard let split = ["train", "valid", "test"].first(where: { key.hasPrefix($0 + "_") }) else { return nil }
    (self.key, self.split, name) = (key, split, String(key.dropFirst(split.count + 1)))
  }

  private var rank: (Int, String, Int) {
    (name == "loss" ? 0 : 1, name, ["train", "valid", "test"].firstIndex(of: split) ?? 3)
  }
  static func < (left: Figure, right: Figure) -> Bool { left.rank < right.rank }

  /// Whether more of it is better.
  var isGain: Bool { name.hasSuffix("accuracy") || name == "bleu" }
}

extension Array where Element == Figure {
  /// Those of one name together, in their order.
  var byName: [(name: String, figures: [Figure])] {
    var names: [String] = []
    for figure in self where !names.contains(figure.name) { names.append(figure.name) }
    return names.map { name in (name, filter { $0.name == name }) }
  }
}
