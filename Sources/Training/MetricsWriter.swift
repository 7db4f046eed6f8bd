import Checkpoints
import Foundation
import HDF5Files

/// Appends a line of JSON per epoch to a file. What can't be written is told once and then left out: no training ends for it.
public final class MetricsWriter: TrainingObserver {
  private let file: LineFile
  private let warn: (String) -> Void
  public private(set) var failure: FileError?

  /// Opens the file anew, or where a training goes on, behind the lines of what came before.
  public init(
    _ path: String, resumingAt position: TrainingPosition? = nil,
    warn: @escaping (String) -> Void = { StandardOutput.error("warning: \($0)") }
  ) throws {
    self.warn = warn
    if let position { try Self.repair(path, position) }
    file = try LineFile(path, isAppending: position != nil)
  }

  public func epochFinished(_ metrics: EpochMetrics) { append(metrics.json) }

  /// One more line.
  public func append(_ line: String) {
    do { try file.append(line) } catch {
      guard failure == nil else { return }
      failure = error as? FileError ?? FileError(.inputOutput, path: file.path, "\(error)")
      warn("\(error); the training goes on without these metrics")
    }
  }

  /// Cuts off what a killed training left behind: half a line, and epochs that are trained once more.
  private static func repair(_ path: String, _ position: TrainingPosition) throws {
    try AtomicFile.check(path, as: .other)
    guard let bytes = try? InputFile.bytes(of: path) else { return }
    var kept: [UInt8] = []
    for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast() {
      let event = try? JSONSerialization.jsonObject(with: Foundation.Data(line)) as? [String: Any]
      if let step = event?["step"] as? Int, step > position.step { continue }
      kept += line + [UInt8(ascii: "\n")]
    }
    if kept != bytes { try AtomicFile.write(kept, to: path) }
  }
}
