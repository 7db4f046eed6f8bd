import ArgumentParser
import Foundation
import HDF5Files
import Lockstep

/// What a tool tells its user.
enum Console {
  /// The name that the program goes by.
  static let tool = URL(fileURLWithPath: CommandLine.arguments.first ?? "lockstep").lastPathComponent

  /// A line of standard error.
  static func error(_ text: String) { StandardOutput.error("\(tool): \(text)") }

  /// One line for the whole job.
  static func report(_ text: String) { if Launcher.rank == 0 { error(text) } }

  /// A line that does not end the command.
  static func warn(_ text: String) { report("warning: " + text) }

  /// A line of output, which takes the place of a live one.
  static func show(_ text: String) { StandardOutput.line(text) }
}

/// A command that knows nothing of ranks: in a job it runs once.
protocol SoloCommand: ParsableCommand {}

/// A command whose ranks work together.
protocol JobCommand: ParsableCommand {}

extension JobCommand {
  /// Joins the job; all of its ranks must run the same command of the same version.
  func joinJob() throws -> Communicator {
    let communicator = try Environment.start()
    let command = "\(Self.configuration.commandName ?? "") of \(Console.tool) \(Build.version)"
    try Replicas.agree([command], over: communicator)
    try JobSettings.share(over: communicator)
    return communicator
  }
}
