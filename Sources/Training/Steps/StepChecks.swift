import Datasets
import Failures
import MessagePassing
import Networks
import Tensors

/// What is looked at in each step beside training, at a cost. The same on all ranks.
public final class StepChecks {
  /// Names the first operation whose numbers are not finite.
  public var numerics = false
  /// Asks for a report of each step.
  public var reportsSteps = false
  /// Steps between those whose gradient's norm is taken, beside the first; nil for none.
  public var gradientNormInterval: Int?
  /// Steps between comparisons of the replicas.
  public var verificationInterval = 100
  /// Takes note of this rank's time; nil: nobody does.
  public var timeline: Timeline? { didSet { layers = nil } }
  /// Takes note of what this rank's time goes to, in steps that have no timeline; nil: nobody does.
  public var profiler: StepProfiler?
  private var layers: LayerTimeline?
  private var failure: NumericsFailure?

  init() {}

  func takesGradientNorm(ofStep step: Int) -> Bool { gradientNormInterval.map { step == 1 || step % $0 == 0 } ?? false }

  /// Runs `body`, a slice's forward and backward pass.
  func watch(_ slice: Batch, of model: Module, atStep step: Int, _ body: () throws -> Void) throws {
    guard numerics else { return try watchTime(of: model, body) }
    let names = model.namedModules().map { (ObjectIdentifier($0.module), $0.name.isEmpty ? "model" : $0.name) }
    let tensors = model.namedParameters.map { (ObjectIdentifier($0.tensor), $0.name) }
    let check = NumericsCheck(names: Dictionary(names + tensors) { first, _ in first })
    try check.run(body)
    guard failure == nil, let fault = check.fault else { return }
    failure = NumericsFailure(fault: fault, step: step, samples: slice.samples)
  }

  /// A look at all numbers takes so long that the layers' times would mean nothing: then nobody notes them.
  private func watchTime(of model: Module, _ body: () throws -> Void) throws {
    guard let timeline, timeline.isOpen else { return try profiler.map { try $0.watch(body) } ?? body() }
    let layers = self.layers ?? LayerTimeline(timeline, of: model)
    self.layers = layers
    try layers.run(body)
  }

  /// Runs `body`, what comes beside the steps, so that a timeline shows it.
  func noting<Result>(_ name: String, _ body: () throws -> Result) rethrows -> Result {
    guard let timeline else { return try body() }
    return try timeline.noting(name, body)
  }

  /// Throws on all ranks what the lowest one found.
  func agree(over communicator: Communicator) throws {
    guard numerics else { return }
    try communicator.agreeing("check numerics") { if let failure { throw failure } }
  }
}

/// The first number that was not finite, and everything that leads to it.
public struct NumericsFailure: Failure {
  /// The operation, its layer and its inputs.
  public let fault: NumericsFault
  /// Of the optimizer, from 1.
  public let step: Int
  /// Of the slice that was computed.
  public let samples: [Int]

  public var kind: FailureKind { .internalError }
  public var description: String {
    let range = samples.count > 6 ? "\(samples.count) samples from \(samples[0])" : "samples \(samples)"
    return "\(fault), at step \(step), slice of \(range)"
  }
}
