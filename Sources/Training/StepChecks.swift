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
  /// Steps between comparisons of the replicas.
  public var verificationInterval = 100
  private var failure: NumericsFailure?

  init() {}

  /// Runs `body`, a slice's forward and backward pass.
  func watch(_ slice: Batch, of model: Module, atStep step: Int, _ body: () throws -> Void) throws {
    guard numerics else { return try body() }
    let names = model.namedModules().map { (ObjectIdentifier($0.module), $0.name.isEmpty ? "model" : $0.name) }
    let tensors = model.namedParameters.map { (ObjectIdentifier($0.tensor), $0.name) }
    let check = NumericsCheck(names: Dictionary(names + tensors) { first, _ in first })
    try check.run(body)
    guard failure == nil, let fault = check.fault else { return }
    failure = NumericsFailure(fault: fault, step: step, samples: slice.samples)
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
