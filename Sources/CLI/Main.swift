import ArgumentParser
import Foundation
import HDF5Files
import Lockstep
import Zoo

/// The `lockstep` command: one subcommand per file.
struct LockstepCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lockstep",
    abstract: "Distributed data-parallel deep learning: the models of Dive into Deep Learning, on one process or many.",
    version: "0.1.0",
    subcommands: [
      ConvertCommand.self, ModelsCommand.self, SummaryCommand.self, TrainCommand.self, EvaluateCommand.self,
      PredictCommand.self, InspectCommand.self, BenchmarkCommand.self, DoctorCommand.self,
    ])
}

@main
enum Main {
  /// Every way out: 0, a code of `contract` with one line on standard error, or 128 + signal.
  static func main() {
    do {
      try checkSubcommands(CommandLine.arguments.dropFirst())
      let arguments = try ConfigurationFile.expand(Array(CommandLine.arguments.dropFirst()))
      var command = try LockstepCommand.parseAsRoot(arguments)
      try command.run()
      Environment.finish()
    } catch {
      end(error)
    }
  }

  /// The parser takes a misspelt subcommand for an argument too many; this says which one was meant.
  private static func checkSubcommands(_ arguments: ArraySlice<String>) throws {
    var command: any ParsableCommand.Type = LockstepCommand.self
    for argument in arguments where argument != "help" {
      let known = command.configuration.subcommands
      if known.isEmpty || argument.hasPrefix("-") { return }
      guard let next = known.first(where: { $0.configuration.commandName == argument }) else {
        let nearest = Zoo.nearest(to: argument, among: known.compactMap { $0.configuration.commandName })
        throw ValidationError("There is no subcommand '\(argument)'. Did you mean '\(nearest)'?")
      }
      command = next
    }
  }

  private static func end(_ error: any Error) -> Never {
    if let interrupted = error as? Interrupted {
      report("\(interrupted); the state is saved where --checkpoint names a folder")
      Environment.finish()
      exit(128 + interrupted.signal)
    }
    if isKnownToAllRanks(error) {
      let kind = failureKind(of: error)
      report("\(error)")
      Environment.finish()
      exit(kind.rawValue)
    }
    guard isOfArguments(error) else {
      // The other ranks don't know of it and would wait for ever: they end with this one.
      write("lockstep: \(error)")
      Environment.abort(exitCode: failureKind(of: error).rawValue)
    }
    let code = LockstepCommand.exitCode(for: error)
    let message = code == .success ? LockstepCommand.fullMessage(for: error) : LockstepCommand.message(for: error)
    if code == .success {
      print(message)
      exit(0)
    }
    report(message.split(separator: "\n").joined(separator: " "))
    exit(FailureKind.usage.rawValue)
  }

  /// Errors that each rank finds in the same way by itself, or that ranks have told each other.
  private static func isKnownToAllRanks(_ error: any Error) -> Bool {
    error is AgreedError || error is NotFiniteError || error is DisagreementError || error is DriftError || error is ConfigurationError
      || JobPlace.size == 1 && !isOfArguments(error)
  }

  private static func isOfArguments(_ error: any Error) -> Bool {
    error is CleanExit || error is ValidationError || error is ExitCode
      || String(reflecting: type(of: error)).hasPrefix("ArgumentParser.")
  }

  /// One line for the whole job.
  private static func report(_ text: String) { if JobPlace.rank == 0 { write("lockstep: " + text) } }

  /// A line that does not end the command.
  static func warn(_ text: String) { report("warning: " + text) }

  /// A line of output, at once: `print` keeps lines back where standard output is a file or a pipe.
  static func show(_ text: String) { FileHandle.standardOutput.write(Foundation.Data((text + "\n").utf8)) }

  private static func write(_ text: String) { FileHandle.standardError.write(Foundation.Data((text + "\n").utf8)) }
}

/// This process's place in the job, as its launcher's environment says it: known before MPI starts.
enum JobPlace {
  static let rank = number(["OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"]) ?? 0
  static let size = number(["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"]) ?? (Environment.isLaunchedByMPI ? 2 : 1)

  private static func number(_ names: [String]) -> Int? {
    names.lazy.compactMap { ProcessInfo.processInfo.environment[$0].flatMap { Int($0) } }.first
  }
}
