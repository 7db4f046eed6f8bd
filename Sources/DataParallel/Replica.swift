import Networks
import Optimizers
import Tensors

/// One rank's copy of what is trained: the model and the optimizer that changes it.
public final class Replica {
  /// Its parameters and buffers are read once, when the replica is made.
  public let model: Module
  /// Changes the model's parameters; its memory is part of the replica's state.
  public let optimizer: any Optimizer
  let parameters: [Tensor]
  /// Layers with running statistics, each once.
  let statisticians: [Module]
  /// The tensors of which ranks add up what their slices came to: sums for statistics, and parameters, but for frozen ones.
  /// Found anew at the beginning of each step.
  public private(set) var summed: [Tensor]
  private var isInStep = false
  /// How many of this rank's slices came to a gradient of each summed tensor; none until a slice is done.
  private var uses: [Double] = []

  /// The optimizer must be one over the model's parameters.
  public init(_ model: Module, _ optimizer: any Optimizer) {
    (self.model, self.optimizer) = (model, optimizer)
    parameters = model.namedParameters.map(\.tensor)
    statisticians = model.statisticians
    summed = Self.summed(parameters, statisticians)
  }

  private static func summed(_ parameters: [Tensor], _ statisticians: [Module]) -> [Tensor] {
    statisticians.flatMap(\.stepSums) + parameters.filter(\.requiresGradient)
  }

  /// Whether a layer takes statistics of a batch, as batch normalisation does.
  public var hasStatistics: Bool { !statisticians.isEmpty }

  /// For each summed tensor, how many of this rank's slices came to a gradient of it.
  var useCounts: [Double] { uses.isEmpty ? summed.map { _ in 0 } : uses }

  /// Takes note of what a slice came to, while its gradients lie with the tensors.
  func noteUses() {
    let slice = summed.map { $0.gradient == nil ? 0.0 : 1 }
    uses = uses.isEmpty ? slice : zip(uses, slice).map(+)
  }

  /// A parameter that no rank's samples used stays without a gradient, as in one process: a zero would let weight decay and
  /// momentum move it.
  func dropUnused(_ useCounts: some Sequence<Double>) {
    for (tensor, count) in zip(summed, useCounts) where count == 0 { tensor.gradient = nil }
  }

  /// Forgets gradients and sums of a step that did not come to its end.
  func beginStep() {
    uses = []
    summed = Self.summed(parameters, statisticians)
    if isInStep { clear() }
    isInStep = true
  }

  private func clear() { for tensor in parameters + statisticians.flatMap(\.stepSums) { tensor.gradient = nil } }

  /// Ends a step that is not taken.
  func skip() {
    clear()
    isInStep = false
  }

  func update() throws { try update(by: optimizer.step) }

  /// Ends a step that is taken; `step` changes the parameters.
  func update(by step: () throws -> Void) throws {
    try step()
    for tensor in parameters { tensor.gradient = nil }
    for module in statisticians { try module.updateStatistics() }
    isInStep = false
  }

  /// The optimizer's memory, as errors name it.
  var namedSlots: [(name: String, tensor: Tensor)] {
    optimizer.slots.sorted { $0.key < $1.key }.flatMap { slot, tensors in
      tensors.sorted { $0.key < $1.key }.map { (name: "\(slot) of \($0.key)", tensor: $0.value) }
    }
  }

  var state: ReplicaState {
    ReplicaState(model: model.state, slots: optimizer.slots, optimizerSteps: optimizer.stepCount)
  }

  func restore(_ state: ReplicaState) throws {
    try loadModel(state)
    // Copies: the optimizer writes to them, and the state may be restored again.
    let slots = state.slots.filter { $0.key != LocalSteps.outerSlot }
    optimizer.slots = slots.mapValues { $0.mapValues { $0.copy() } }
    optimizer.stepCount = state.optimizerSteps
  }

  /// The model's part of a state, whose optimizer's part fits it.
  func loadModel(_ state: ReplicaState) throws {
    try model.load(Dictionary(uniqueKeysWithValues: state.model))
    let shapes = Dictionary(uniqueKeysWithValues: model.namedParameters.map { ($0.name, $0.tensor.shape) })
    for (slot, tensors) in state.slots {
      for (name, tensor) in tensors where shapes[name] != tensor.shape {
        throw TensorError("resume", "the optimizer's \(slot) of \(name) has shape \(tensor.shape)")
      }
    }
  }

  /// The first of parameters, buffers and this rank's memory of the optimizer that is not finite.
  var firstOddName: String? {
    get throws { try (model.state + namedSlots).first { try !$0.tensor.isFinite() }?.name }
  }
}

/// What a replica and its optimizer hold, whole: the same whatever the strategy.
public struct ReplicaState {
  /// Parameters and buffers by their dotted names.
  public let model: [(name: String, tensor: Tensor)]
  /// What the optimizer remembers, by slot and parameter.
  public let slots: [String: [String: Tensor]]
  /// Steps that the optimizer has taken, which Adam corrects its means by.
  public let optimizerSteps: Int

  /// Tensors are kept, not copied: whoever restores them copies.
  public init(model: [(name: String, tensor: Tensor)], slots: [String: [String: Tensor]], optimizerSteps: Int) {
    (self.model, self.slots, self.optimizerSteps) = (model, slots, optimizerSteps)
  }

  func copied() -> ReplicaState {
    ReplicaState(
      model: model.map { (name: $0.name, tensor: $0.tensor.copy()) },
      slots: slots.mapValues { $0.mapValues { $0.copy() } }, optimizerSteps: optimizerSteps)
  }
}
