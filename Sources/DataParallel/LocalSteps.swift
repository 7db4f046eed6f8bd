import MessagePassing
import Optimizers
import Tensors

/// Each rank takes several steps by itself, with its own optimizer on its own shard of each batch; then the ranks average how far
/// they have come, and an outer optimizer, SGD with Nesterov's momentum, moves the point from which all go on. So parameters
/// travel once in a round of H steps, instead of gradients in each. Source: Douillard et al. 2023 (DiLoCo).
///
/// A rank's gradient is taken times the number of ranks: the mean over the ranks is then that of the global batch, however uneven
/// shards are. With H = 1, an outer learning rate of 1 and no outer momentum, SGD is therefore the same as under `Replicated`,
/// but for rounding.
///
/// In each step losses and signals still travel, some hundred bytes: a stop, or a number that is not finite, is known to all.
/// Optimizers' memories stay their ranks' own, until something is saved or an epoch ends: then all take their mean.
public final class LocalSteps: Strategy {
  public let replica: Replica
  public let communicator: Communicator
  public let sharding: Sharding
  /// Of a rank's own samples; the running ones are averaged with the parameters.
  public let statistics = StatisticsScope.slice
  /// Steps of a round.
  private let length: Int
  private var stepsInRound = 0
  /// Where the round began, for each parameter; common to all ranks.
  private let origins: [(parameter: Tensor, origin: Tensor)]
  private let outer: SGD
  private let reducer: any Reducer
  private var sums: [Double] = []
  private var size = GradientSize.ordinary
  private var hasCommonMemory = true

  /// The slot of checkpoints that holds the outer optimizer's momentum.
  static let outerSlot = "outer_momentum"

  /// - Parameters:
  ///   - replica: this rank's model and inner optimizer.
  ///   - communicator: the ranks that train together.
  ///   - length: steps of a round, 1 at least.
  ///   - learningRate: of the outer optimizer.
  ///   - momentum: of the outer optimizer.
  ///   - sliceSize: samples that go through the network at once; a shard is whole where statistics are taken of it.
  ///   - accumulation: slices of a shard at least.
  ///   - compression: how the round's changes travel.
  ///   - compressionRank: of PowerSGD's factors.
  public init(
    _ replica: Replica, over communicator: Communicator, length: Int, learningRate: Double = 0.7,
    momentum: Double = 0.9, sliceSize: Int = .max, accumulation: Int = 1, compression: Compression = .none,
    compressionRank: Int = 4
  ) throws {
    (self.replica, self.communicator, self.length) = (replica, communicator, max(length, 1))
    sharding = Sharding(
      rank: communicator.rank, rankCount: communicator.size, sliceSize: replica.hasStatistics ? .max : sliceSize,
      accumulation: accumulation)
    let parameters = replica.model.namedParameters.map {
      (name: $0.name, parameter: $0.tensor, origin: $0.tensor.copy())
    }
    origins = parameters.map { ($0.parameter, $0.origin) }
    outer = SGD(
      [ParameterGroup(parameters.map { ($0.name, $0.origin) }, learningRate: learningRate)], momentum: momentum,
      nesterov: momentum > 0)
    let tensors = parameters.map(\.origin)
    reducer =
      try compression.makeReducer(tensors, over: communicator, rank: compressionRank)
      ?? GradientReducer(tensors, over: communicator)
  }

  // MARK: A step

  public func beginStep() throws {
    replica.beginStep()
    sums = []
    if stepsInRound == 0 { for (parameter, origin) in origins { origin.assign(parameter) } }
  }

  public func gradientReady(_ tensor: Tensor) {}

  public func endSlice(_ sums: [Double]) {
    self.sums = self.sums.isEmpty ? sums : zip(self.sums, sums).map { $0 + $1 }
  }

  public func reduce(_ notes: [Double], sumCount: Int) throws -> (sums: [Double], notes: [Double]) {
    let sums = self.sums.isEmpty ? [Double](repeating: 0, count: sumCount) : self.sums
    if communicator.size > 1 {
      for (parameter, _) in origins {
        parameter.gradient = parameter.gradient.map { $0 * Double(communicator.size) }
      }
    }
    let own = try GradientSize(of: replica.summed)
    let isLarge: [Double] = own == .ordinary ? [0, 0] : own == .large ? [1, 0] : [1, 1]
    let all = try communicator.allReduce(sums + notes + isLarge)
    size = all[all.count - 1] > 0 ? .notFinite : all[all.count - 2] > 0 ? .large : .ordinary
    return (Array(all[..<sums.count]), Array(all[sums.count..<all.count - 2]))
  }

  /// Of any rank's gradients.
  public func gradientSize() -> GradientSize { size }

  public func update() throws {
    try replica.update()
    try endStep()
  }

  public func updateWatchfully() throws -> String? {
    if let odd = try watching({ try replica.update() }) { return odd }
    try endStep()
    return nil
  }

  private func endStep() throws {
    (stepsInRound, hasCommonMemory) = (stepsInRound + 1, false)
    if stepsInRound >= length { try endRound() }
  }

  // MARK: A round

  public var isSettled: Bool { stepsInRound == 0 }

  /// The outer gradient is how far the ranks have come on average, backwards.
  private func endRound() throws {
    stepsInRound = 0
    let moved = origins.filter(\.parameter.requiresGradient)
    for (parameter, origin) in moved { origin.gradient = (origin - parameter.detached()) / Double(communicator.size) }
    if communicator.size > 1 {
      try reducer.begin(moved.map(\.origin))
      for (_, origin) in moved.reversed() { try reducer.gradientReady(origin) }
      try reducer.complete()
      try reducer.finish()
    }
    try outer.step()
    outer.clearGradients()
    for (parameter, origin) in moved { parameter.assign(origin) }
    let known = Set(origins.map { ObjectIdentifier($0.parameter) })
    try average(replica.model.state.map(\.tensor).filter { !known.contains(ObjectIdentifier($0)) })
  }

  private func average(_ tensors: [Tensor]) throws {
    if communicator.size == 1 { return }
    for tensor in tensors {
      try tensor.withFloats { values in
        try communicator.allReduce(values)
        for i in values.indices { values[i] /= Float(communicator.size) }
      }
    }
  }

  public func settle() throws {
    if !isSettled { try endRound() }
    if hasCommonMemory { return }
    hasCommonMemory = true
    var slots = replica.optimizer.slots
    // A rank whose samples did not use a parameter has nothing of it.
    let all = try communicator.tellAll(slots.flatMap { slot, tensors in tensors.keys.map { [slot, $0] } })
    let shapes = Dictionary(replica.model.namedParameters.map { ($0.name, $0.tensor.shape) }) { first, _ in first }
    for place in Set(all.joined()).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      guard place.count == 2, let shape = shapes[place[1]] else { continue }
      let tensor = slots[place[0]]?[place[1]] ?? .zeros(shape)
      try average([tensor])
      slots[place[0], default: [:]][place[1]] = tensor
    }
    replica.optimizer.slots = slots
  }

  // MARK: State

  /// Asks the others for the rest of the round.
  public var hasWholeState: Bool { false }

  public func state() throws -> ReplicaState {
    try settle()
    return ReplicaState(
      model: replica.model.state, slots: replica.optimizer.slots.merging(outerSlots) { own, _ in own },
      optimizerSteps: replica.optimizer.stepCount)
  }

  private var outerSlots: [String: [String: Tensor]] {
    outer.slots["momentum"].map { [Self.outerSlot: $0] } ?? [:]
  }

  public func restore(_ state: ReplicaState) throws {
    try replica.restore(state)
    outer.slots = state.slots[Self.outerSlot].map { ["momentum": $0.mapValues { $0.copy() }] } ?? [:]
    (stepsInRound, hasCommonMemory) = (0, true)
  }

  /// Between two rounds of parameters, within one of where it began.
  public func verify(step: Int) throws {
    let begun = zip(replica.model.namedParameters, origins).map { (name: $0.name, tensor: $1.origin) }
    let named = isSettled ? replica.model.state : begun
    let momentum = (outer.slots["momentum"] ?? [:]).sorted { $0.key < $1.key }
    try Replicas.verify(
      named + momentum.map { (name: "\(Self.outerSlot) of \($0.key)", tensor: $0.value) }, step: step,
      over: communicator)
  }
}
