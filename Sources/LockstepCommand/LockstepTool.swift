import ArgumentParser
import Foundation
import HDF5Files
import Kernels
@_exported import Lockstep
import Synchronization
import Zoo

/// A command line with every subcommand for models of one's own: a whole program.
/// ```swift
/// import LockstepCommand
///
/// @main struct Tool: LockstepTool {
///   static let models = [
///     ModelEntry("wine", .regression, inputShape: [11], recipe: .recipe(epochs: 20, learningRate: 0.01)) {
///       Sequential(Linear($0.features, 32), ReLU(), Linear(32, 1))
///     }
///   ]
/// }
/// ```
public protocol LockstepTool: SendableMetatype {
  /// One's own models, in the order in which lists show them. None, or two of one name, end every command with code 64.
  static var models: [ModelEntry] { get }
  /// Models beside one's own: the book's, unless said otherwise.
  static var others: [ModelEntry] { get }
}

extension LockstepTool {
  public static var others: [ModelEntry] { Zoo.models }

  static func registry() throws -> Registry {
    if models.isEmpty { return try Registry([]) }
    return try Registry(models + others)
  }

  /// Every way out: 0, a code of `contract` with one line on standard error, or 128 + signal.
  public static func main() { Runner<Self>.run() }
}

/// The root of the subcommands.
struct ToolCommand<Tool: LockstepTool>: ParsableCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: Console.tool,
      abstract:
        "Distributed data-parallel deep learning: the models of Dive into Deep Learning, on one process or many.",
      discussion: """
        convert makes a dataset, train learns from it and keeps a checkpoint, evaluate, predict, show, generate and translate \
        use that. Under mpirun, or what doctor names, the same commands run on many ranks.
        """,
      version: Build.version,
      subcommands: [
        ConvertCommand.self, ModelsCommand<Tool>.self, SummaryCommand<Tool>.self, TrainCommand<Tool>.self,
        TuneRateCommand<Tool>.self, EvaluateCommand<Tool>.self, PredictCommand<Tool>.self, ShowCommand<Tool>.self,
        GenerateCommand<Tool>.self, TranslateCommand<Tool>.self, ImportCommand<Tool>.self, ExportCommand<Tool>.self,
        CompareCommand.self, ReportCommand<Tool>.self, InspectCommand.self, BenchmarkCommand<Tool>.self,
        ScaleCommand<Tool>.self,
        BookCommand.self, DoctorCommand.self,
      ])
  }
}

/// Runs a tool's command line from beginning to end.
private enum Runner<Tool: LockstepTool> {
  private typealias Root = ToolCommand<Tool>

  static func run() {
    StopSignal.restoreHangup()
    StandardOutput.prepare()
    do {
      try Threads.check()
      _ = try InstructionSet.chosen.get()
      let arguments = try ConfigurationFile.expand(Array(CommandLine.arguments.dropFirst()))
      _ = try Tool.registry()
      try checkNames(arguments)
      var command = try Root.parseAsRoot(arguments)
      if Launcher.rank > 0 && command is any SoloCommand { return }
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
      Console.error("\(error)")
      exit(failureKind(of: error).rawValue)
    }
  }

  /// ArgumentParser would call a misspelt command an unexpected argument.
  private static func checkNames(_ arguments: [String]) throws {
    var command: any ParsableCommand.Type = Root.self
    for argument in arguments where argument != "help" {
      let known = command.configuration.subcommands
      if known.isEmpty || argument.hasPrefix("-") { return }
      guard let next = known.first(where: { $0.configuration.commandName == argument }) else {
        let nearest = Registry.nearest(to: argument, in: known.compactMap { $0.configuration.commandName })
        throw ValidationError("There is no command '\(argument)'. Did you mean '\(nearest)'?")
      }
      command = next
    }
  }

  private static func end(_ error: any Error) -> Never {
    if isOfArguments(error) { endOfArguments(error) }
    let failure = error as? any Failure
    let code = failure?.exitCode ?? FailureKind.internalError.rawValue
    if failure?.isAgreed ?? false || Launcher.size == 1 {
      Console.report("\(error)")
      Environment.finish()
      exit(code)
    }
    // The other ranks don't know of it and would wait for ever: they end with this one.
    tellForAll("\(error)")
    Environment.abort(exitCode: code)
  }

  /// Help that was asked for, or arguments that make no sense.
  private static func endOfArguments(_ error: any Error) -> Never {
    guard Root.exitCode(for: error) != .success else {
      if Launcher.rank == 0 { print(Root.fullMessage(for: error)) }
      checkOutput()
      exit(0)
    }
    tellForAll(Root.message(for: error).split(separator: "\n").joined(separator: " "))
    exit(FailureKind.usage.rawValue)
  }

  private static func isOfArguments(_ error: any Error) -> Bool {
    error is CleanExit || error is ValidationError || error is ExitCode
      || String(reflecting: type(of: error)).hasPrefix("ArgumentParser.")
  }

  /// Tells what only this rank knows. Rank 0 may have found the same by itself: then the job ends with its line, while
  /// the others still wait. mpirun takes a second to notice a rank that has ended before it joined MPI.
  private static func tellForAll(_ text: String) {
    if Launcher.rank == 0 { return Console.error(text) }
    usleep(hasBegun.load(ordering: .relaxed) ? 300_000 : 3_000_000)
    Console.error("rank \(Launcher.rank): \(text)")
  }
}

/// Whether the arguments made sense; until then no rank has joined MPI.
private let hasBegun = Atomic<Bool>(false)
