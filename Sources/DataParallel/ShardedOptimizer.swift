import MessagePassing
import Optimizers
import Tensors

/// Each rank keeps the optimizer's memory of its part of the parameters, and updates that part alone; the new parameters are then
/// gathered by all: of Adam's two numbers for each parameter a rank keeps as many as there are ranks fewer.
///
/// How gradients are summed is another strategy's business. After that one every rank has the whole gradient, so that norms and
/// clipping ask nobody; and as the optimizer changes each element by itself, or is given whole parameters, these come to the same bits
/// as where every rank updates all of them. Source: Rajbhandari et al. 2020 (ZeRO, its first stage).
public final class ShardedOptimizer: Strategy {
  private let inner: any Strategy
  private let parts: ParameterParts
  /// This rank's, each with what its name says of the place: `4.weight[0..<500]`.
  private let own: [OwnPart]

  public var replica: Replica { inner.replica }
  public var communicator: Communicator { inner.communicator }
  public var sharding: Sharding { inner.sharding }
  public var statistics: StatisticsScope { inner.statistics }
  public var ledger: GradientLedger? { inner.ledger }

  /// - Parameter inner: leaves every rank the whole gradient. Its replica's optimizer has no memory yet; it is given this rank's parts
  ///   instead of the parameters.
  public init(_ inner: any Strategy) {
    self.inner = inner
    let (replica, communicator) = (inner.replica, inner.communicator)
    let keepsWhole = replica.optimizer.needsWholeParameters
    parts = ParameterParts(
      replica.model.namedParameters.map { ($0.name, $0.tensor) }, ranks: communicator.size, keepsWhole: keepsWhole)
    own = parts.pieces(of: communicator.rank).map { [parts] in
      OwnPart($0, parts.parameters[$0.parameter], isWhole: keepsWhole)
    }
    let names = Dictionary(grouping: own) { ObjectIdentifier($0.parameter) }
    for index in replica.optimizer.groups.indices {
      replica.optimizer.groups[index].parameters = replica.optimizer.groups[index].parameters.flatMap { entry in
        (names[ObjectIdentifier(entry.tensor)] ?? []).map { ($0.name, $0.tensor) }
      }
    }
  }

  public var addsOwedGradients: Bool { inner.addsOwedGradients }
  public func beginStep() throws { try inner.beginStep() }
  public func gradientReady(_ tensor: Tensor) throws { try inner.gradientReady(tensor) }
  public func endSlice(_ sums: [Double]) throws { try inner.endSlice(sums) }
  public func reduce(_ notes: [Double], sumCount: Int) throws -> (sums: [Double], notes: [Double]) {
    try inner.reduce(notes, sumCount: sumCount)
  }
  public func skip() throws { try inner.skip() }

  public func update() throws {
    try replica.update {
      let changed = parts.parameters.map { $0.tensor.gradient != nil }
      for part in own { try part.load() }
      try replica.optimizer.step()
      replica.optimizer.clearGradients()
      try parts.gather(own, where: changed, over: communicator)
    }
  }

  /// Parameters are whole on every rank; of the optimizer's memory no two ranks have the same.
  public func verify(step: Int) throws { try Replicas.verify(replica.model.state, step: step, over: communicator) }

  // MARK: State

  public var hasWholeState: Bool { communicator.size == 1 }

  public func state() throws -> ReplicaState {
    ReplicaState(
      model: replica.model.state, slots: try gatherSlots(), optimizerSteps: replica.optimizer.stepCount)
  }

  /// The optimizer's memory by parameter, whole on rank 0; nothing elsewhere.
  private func gatherSlots() throws -> [String: [String: Tensor]] {
    var (packet, values): (Packet, [Float]) = (Packet(), [])
    for (slot, tensors) in replica.optimizer.slots.sorted(by: { $0.key < $1.key }) {
      for part in own {
        guard let tensor = tensors[part.name] else { continue }
        packet.pack(slot)
        packet.pack(part.piece.parameter)
        packet.pack(part.piece.range.lowerBound)
        packet.pack(part.piece.range.count)
        values += try tensor.floats()
      }
    }
    let (gatheredLabels, gathered) = (
      try communicator.gather(packet.bytes, to: 0), try communicator.gather(values, to: 0)
    )
    guard let labels = gatheredLabels, let all = gathered else { return [:] }
    var slots: [String: [String: Tensor]] = [:]
    for (bytes, values) in zip(labels, all) {
      var (label, next) = (Packet(bytes), 0)
      while !label.isAtEnd {
        let (slot, index): (String, Int) = (try label.unpack(), try label.unpack())
        let (start, count): (Int, Int) = (try label.unpack(), try label.unpack())
        let parameter = parts.parameters[index]
        let whole = slots[slot]?[parameter.name] ?? .zeros(parameter.tensor.shape)
        slots[slot, default: [:]][parameter.name] = whole
        try whole.withFloats { _ = $0[start..<start + count].update(from: values[next..<next + count]) }
        next += count
      }
    }
    return slots
  }

  public func restore(_ state: ReplicaState) throws {
    try replica.loadModel(state)
    var slots: [String: [String: Tensor]] = [:]
    for (slot, tensors) in state.slots {
      for part in own {
        guard let whole = tensors[parts.parameters[part.piece.parameter].name] else { continue }
        slots[slot, default: [:]][part.name] = part.cut(from: whole).copy()
      }
    }
    replica.optimizer.slots = slots
    replica.optimizer.stepCount = state.optimizerSteps
  }
}

/// This rank's part of a parameter, in memory of its own.
private final class OwnPart: PartOfParameter {
  let piece: ParameterParts.Piece
  let parameter: Tensor
  let name: String
  let tensor: Tensor

  /// - Parameter isWhole: whether it is all of the parameter, and keeps its shape.
  init(_ piece: ParameterParts.Piece, _ parameter: (name: String, tensor: Tensor), isWhole: Bool) {
    (self.piece, self.parameter) = (piece, parameter.tensor)
    name = "\(parameter.name)[\(piece.range.lowerBound)..<\(piece.range.upperBound)]"
    tensor = .zeros(isWhole ? parameter.tensor.shape : [piece.range.count])
  }

  /// The same place of something of the parameter's shape.
  func cut(from whole: Tensor) -> Tensor { whole.reshaped([-1])[piece.range].reshaped(tensor.shape) }

  /// Takes the parameter's elements and gradient.
  func load() throws {
    try parameter.withRowMajor { (values: UnsafeBufferPointer<Float>) in
      try tensor.withFloats { _ = $0.update(from: values[piece.range]) }
    }
    tensor.gradient = parameter.gradient.map(cut)
  }
}
