import MessagePassing
import Optimizers
import Tensors

/// How replicas, gradients and optimizer states are spread over ranks. A trainer asks its strategy for everything that
/// depends on ranks, and never which one it is.
///
/// A step is, on every rank: `beginStep`; for each slice of the rank's shard a forward pass, a backward pass (in the last
/// slice `gradientReady` as each gradient is final) and `endSlice`; then `reduce`, `clip` and `update`, or `skip`.
public protocol Strategy: AnyObject {
  /// This rank's model and optimizer.
  var replica: Replica { get }
  /// The ranks that train together.
  var communicator: Communicator { get }
  /// Which samples of each global batch are this rank's, and in which slices they go through the network.
  var sharding: Sharding { get }
  /// Of which samples layers take the statistics of a batch.
  var statistics: StatisticsScope { get }

  /// Notes what this rank puts into the sums, where it is the same bits whichever rank computes it; nil where it is not.
  var ledger: GradientLedger? { get }

  // MARK: Gradients

  /// Whether slices' gradients are added to each other later than `endSlice`: backward may owe them until then.
  var addsOwedGradients: Bool { get }

  /// Forgets what a step that failed has left behind.
  func beginStep() throws
  /// Takes note that backward is done with a tensor, in the step's last slice.
  func gradientReady(_ tensor: Tensor) throws
  /// Takes what a slice came to: its gradients lie with the tensors, `sums` are its losses and counts.
  func endSlice(_ sums: [Double]) throws
  /// Adds up slices and ranks: gradients are then ready for `clip` and `update`, wherever those need them.
  ///
  /// - Parameters:
  ///   - notes: what this rank has to say, whether it had a slice or not.
  ///   - sumCount: how many sums each slice has.
  /// - Returns: the sums and notes of all ranks, the same on every rank.
  func reduce(_ notes: [Double], sumCount: Int) throws -> (sums: [Double], notes: [Double])
  /// Whether the gradients that `update` would use, and the sums for statistics, are finite; the same on every rank.
  func gradientSize() throws -> GradientSize
  /// The norm of the global batch's gradient.
  func gradientNorm() throws -> Double
  /// Scales the gradients so that their common norm is at most `limit`.
  func clip(_ limit: Double) throws

  // MARK: Update

  /// Changes the parameters by their gradients, and clears those.
  func update() throws
  /// Updates, but takes all of it back where a number would not be finite.
  ///
  /// - Returns: the name of the first such tensor, the same on every rank; nil where all are finite.
  func updateWatchfully() throws -> String?
  /// Ends a step that is not taken: clears the gradients, and nothing else changes.
  func skip() throws

  // MARK: State

  /// Whether replicas are what they are to be when something is saved: saves wait for it. The same on every rank.
  var isSettled: Bool { get }
  /// Makes them so: before the model is evaluated, or saved all the same. Collective where ranks part at all.
  func settle() throws
  /// All that a checkpoint keeps of the replica and its optimizer, whole on rank 0 at least.
  func state() throws -> ReplicaState
  /// Whether `state()` asks no other rank.
  var hasWholeState: Bool { get }
  /// Goes on from a state that was saved under any strategy.
  func restore(_ state: ReplicaState) throws
  /// Throws on every rank where replicas that should be the same are not.
  func verify(step: Int) throws
}

/// Of which samples layers such as batch normalisation take statistics in training.
public enum StatisticsScope {
  /// Of the global batch, in which each rank's shard is one slice.
  case globalBatch(any StatisticsExchange)
  /// Of each slice by itself.
  case slice
  /// Of none: models with such layers can't be trained so.
  case none
}

/// What most strategies do alike: every rank has the whole replica and optimizer, and the same gradients after `reduce`.
extension Strategy {
  public var ledger: GradientLedger? { nil }
  public var addsOwedGradients: Bool { false }
  public func gradientNorm() throws -> Double { try Optimizers.gradientNorm(of: replica.parameters) }
  public func clip(_ limit: Double) throws { try clipGradients(replica.parameters, norm: limit) }
  public func gradientSize() throws -> GradientSize { try GradientSize(of: replica.summed) }
  public func update() throws { try replica.update() }
  public func updateWatchfully() throws -> String? { try watching { try update() } }
  public func skip() throws { replica.skip() }
  public var isSettled: Bool { true }
  public func settle() throws {}
  public func state() throws -> ReplicaState { replica.state }
  public var hasWholeState: Bool { true }
  public func restore(_ state: ReplicaState) throws { try replica.restore(state) }
  public func verify(step: Int) throws {
    try Replicas.verify(replica.model.state + replica.namedSlots, step: step, over: communicator)
  }

  /// Runs an update of this rank's replica and optimizer, and goes back where any rank's is not finite.
  func watching(_ update: () throws -> Void) throws -> String? {
    let before = replica.state.copied()
    try update()
    let odd = try communicator.tellAll(replica.firstOddName ?? "").first { !$0.isEmpty }
    guard let odd else { return nil }
    try replica.model.load(Dictionary(uniqueKeysWithValues: before.model))
    (replica.optimizer.slots, replica.optimizer.stepCount) = (before.slots, before.optimizerSteps)
    return odd
  }
}
