import ArgumentParser
import HDF5Files
import Lockstep

/// A record of what all ranks do in some steps.
struct TraceOptions: ParsableArguments {
  @Option(
    help: "Records what each rank does: a .json file for ui.perfetto.dev or chrome://tracing, or one step as an .svg.",
    completion: .file(extensions: ["json", "svg"]))
  var trace: String?
  @Option(help: "Steps that are recorded, after 5 that are not.") var traceSteps: Int?

  func validate() throws {
    guard let trace else {
      if traceSteps != nil { throw ValidationError("--trace-steps needs --trace") }
      return
    }
    guard trace.hasSuffix(".json") || trace.hasSuffix(".svg") else {
      throw ValidationError("--trace is '\(trace)', but must end in .json or .svg")
    }
    if let traceSteps, !(1...100_000).contains(traceSteps) {
      throw ValidationError("--trace-steps is \(traceSteps), but must be in 1…100000")
    }
  }

  /// What must be the same on all ranks.
  var identity: [String] { ["trace \(trace ?? "none")", "trace-steps \(traceSteps ?? 0)"] }

  /// Collective; nil where no trace was asked for. What can't be written is said before the training.
  func begin(over communicator: Communicator, from inputs: [String] = []) throws -> TraceRecorder? {
    guard let trace else { return nil }
    try communicator.agreeing("trace") {
      if communicator.isRoot { try AtomicFile.check(trace, as: .other, from: inputs) }
    }
    return try TraceRecorder(over: communicator, steps: traceSteps ?? 50)
  }

  /// Collective: writes the trace, and says in words what it shows.
  func write(_ recorder: TraceRecorder?, over communicator: Communicator, quiet: Bool) throws {
    guard let trace, let recorder else { return }
    let result = try recorder.finish()
    try communicator.agreeing("trace") {
      guard let result else { return }
      try AtomicFile.write(trace.hasSuffix(".svg") ? TracePicture.svg(of: result) : result.json, to: trace)
    }
    guard let result, !quiet else { return }
    Console.show("trace: \(trace)")
    let lines = TraceSummary(result)?.lines ?? ["no step was recorded"]
    for line in lines { Console.show("  " + line) }
  }
}
