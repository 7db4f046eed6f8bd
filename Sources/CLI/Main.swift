import ArgumentParser
import Failures
import Foundation
import HDF5Files
import Lockstep
import Synchronization
import Zoo

/// The `lockstep` command: one subcommand per file.
struct LockstepCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lockstep",
    abstract: "Distributed data-parallel deep learning: the models of Dive into Deep Learning, on one process or many.",
    version: "0.1.0",
    subcommands: [
      ConvertCommand.self, ModelsCommand.self, SummaryCommand.self, TrainCommand.self, EvaluateCommand.self,
      PredictCommand.self, ShowCommand.self, GenerateCommand.self, TranslateCommand.self, InspectCommand.self,
      BenchmarkCommand.self, BookCommand.self, DoctorCommand.self,
    ])
}

@main
enum Main {
  /// Every way out: 0, a code of `contract` with one line on standard error, or 128 + signal.
  static func main() {
    StandardOutput.prepare()
    do {
      try Threads.check()
      let arguments = try ConfigurationFile.expand(Array(CommandLine.arguments.dropFirst()))
      try checkNames(arguments)
      var command = try LockstepCommand.parseAsRoot(arguments)
      if JobPlace.rank > 0 && command is any SoloCommand { return }
      hasBegun.store(true, ordering: .relaxed)
      try command.run()
      Environment.finish()
    } catch {
      end(error)
    }
    checkOutput()
  }

  /// The work is done, but nobody may have read what it says.
  private static func checkOutput() {
    do { try StandardOutput.check() } catch {
      write("lockstep: \(error)")
      exit(failureKind(of: error).rawValue)
    }
  }

  /// Whether the arguments made sense; until then no rank has joined MPI.
  private static let hasBegun = Atomic<Bool>(false)

  /// ArgumentParser would call a misspelt command an unexpected argument.
  private static func checkNames(_ arguments: [String]) throws {
    var command: any ParsableCommand.Type = LockstepCommand.self
    for argument in arguments where argument != "help" {
      let known = command.configuration.subcommands
      if known.isEmpty || argument.hasPrefix("-") { return }
      guard let next = known.first(where: { $0.configuration.commandName == argument }) else {
        let nearest = Zoo.nearest(to: argument, in: known.compactMap { $0.configuration.commandName })
        throw ValidationError("There is no command '\(argument)'. Did you mean '\(nearest)'?")
      }
      command = next
    }
  }

  private static func end(_ error: any Error) -> Never {
    if isOfArguments(error) { endOfArguments(error) }
    let failure = error as? any Failure
    let code = failure?.exitCode ?? FailureKind.internalError.rawValue
    if failure?.isAgreed ?? false || JobPlace.size == 1 {
      report("\(error)")
      Environment.finish()
      exit(code)
    }
    // The other ranks don't know of it and would wait for ever: they end with this one.
    tellForAll("\(error)")
    Environment.abort(exitCode: code)
  }

  /// Help that was asked for, or arguments that make no sense.
  private static func endOfArguments(_ error: any Error) -> Never {
    guard LockstepCommand.exitCode(for: error) != .success else {
      if JobPlace.rank == 0 { print(LockstepCommand.fullMessage(for: error)) }
      checkOutput()
      exit(0)
    }
    tellForAll(LockstepCommand.message(for: error).split(separator: "\n").joined(separator: " "))
    exit(FailureKind.usage.rawValue)
  }

  private static func isOfArguments(_ error: any Error) -> Bool {
    error is CleanExit || error is ValidationError || error is ExitCode
      || String(reflecting: type(of: error)).hasPrefix("ArgumentParser.")
  }

  /// Tells what only this rank knows. Rank 0 may have found the same by itself: then the job ends with its line, while
  /// the others still wait. mpirun takes a second to notice a rank that has ended before it joined MPI.
  private static func tellForAll(_ text: String) {
    if JobPlace.rank == 0 { return write("lockstep: " + text) }
    usleep(hasBegun.load(ordering: .relaxed) ? 300_000 : 3_000_000)
    write("lockstep: rank \(JobPlace.rank): \(text)")
  }

  /// One line for the whole job.
  private static func report(_ text: String) { if JobPlace.rank == 0 { write("lockstep: " + text) } }

  /// A line that does not end the command.
  static func warn(_ text: String) { report("warning: " + text) }

  /// A line of output, which takes the place of a live one.
  static func show(_ text: String) { StandardOutput.line(text) }

  private static func write(_ text: String) { StandardOutput.error(text) }
}

/// This process's place in the job, as its launcher's environment says it: known before MPI starts.
enum JobPlace {
  static let rank = number(["OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"]) ?? 0
  static let size = number(["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"]) ?? (Environment.isLaunchedByMPI ? 2 : 1)

  private static func number(_ names: [String]) -> Int? {
    names.lazy.compactMap { ProcessInfo.processInfo.environment[$0].flatMap { Int($0) } }.first
  }
}

/// A command that knows nothing of ranks: in a job it runs once.
protocol SoloCommand: ParsableCommand {}

/// A command whose ranks work together.
protocol JobCommand: ParsableCommand {}

extension JobCommand {
  /// Joins the job; all of its ranks must run the same command of the same version.
  func joinJob() throws -> Communicator {
    let communicator = try Environment.start()
    let command = "\(Self.configuration.commandName ?? "") of lockstep \(LockstepCommand.configuration.version)"
    try Replicas.agree([command], over: communicator)
    return communicator
  }
}
