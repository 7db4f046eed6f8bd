import ArgumentParser
import Foundation
import HDF5Files
import Lockstep

extension LogFormat: ExpressibleByArgument {}

/// Where a training is logged, beside `--metrics` and `--plot`.
struct LoggerOptions: ParsableArguments {
  @Option(help: "Logs the training as \(LogFormat.wanted): steps, epochs, the learning rate, the gradient's norm.")
  var logger: LogFormat?
  @Option(
    help: "The folder of the log; runs/MODEL-DATE unless given. tensorboard --logdir runs shows them all.",
    completion: .directory)
  var loggerFolder: String?
  @Option(parsing: .unconditional, help: "Logs a step of so many, and the first; 50 unless given.") var logEvery: Int?
  @Flag(help: "Logs after each epoch how the weights are spread.") var logHistograms = false

  func validate() throws {
    if let logEvery, logEvery < 1 { throw ValidationError("--log-every is \(logEvery), but must be at least 1") }
    if logHistograms && logger == .csv {
      throw ValidationError("--log-histograms is for tensorboard or jsonl, not csv")
    }
    guard logger == nil else { return }
    let given = [
      loggerFolder.map { _ in "logger-folder" }, logEvery.map { _ in "log-every" },
      logHistograms ? "log-histograms" : nil,
    ]
    if let option = given.compactMap({ $0 }).first { throw ValidationError("--\(option) needs --logger") }
  }

  /// Steps between logged ones; nil without a logger. The same on all ranks.
  var interval: Int? { logger == nil ? nil : logEvery ?? 50 }

  /// What must be the same on all ranks.
  var identity: [String] { ["log-every \(interval ?? 0)"] }

  /// On the rank that writes; nil where no log was asked for.
  func open(
    _ model: String, _ objective: any Objective, resumingAt position: TrainingPosition?
  ) throws -> RunLogger? {
    guard let logger else { return nil }
    return try RunLogger(
      logger, in: loggerFolder ?? Self.folder(model), of: objective, every: interval ?? 50, histograms: logHistograms,
      resumingAt: position, warn: Console.warn)
  }

  /// One for each run, in the order in which they began.
  private static func folder(_ model: String) -> String {
    let format = DateFormatter()
    (format.locale, format.dateFormat) = (Locale(identifier: "en_US_POSIX"), "yyyy-MM-dd-HHmmss")
    return "runs/\(model)-\(format.string(from: Date()))"
  }
}
