import Tensors

/// A leaf tensor that training changes.
public typealias Parameter = Tensor

/// Values with names, in order; written as a dictionary literal.
public struct Named<Value>: ExpressibleByDictionaryLiteral, Sequence {
  public let entries: [(key: String, value: Value)]

  public init(_ entries: [(key: String, value: Value)]) { self.entries = entries }
  public init(dictionaryLiteral entries: (String, Value)...) { self.init(entries.map { (key: $0.0, value: $0.1) }) }
  public func makeIterator() -> IndexingIterator<[(key: String, value: Value)]> { entries.makeIterator() }
  /// The value of that name.
  public subscript(name: String) -> Value? { entries.first { $0.key == name }?.value }
}

/// A piece of a network: parameters, buffers, pieces of its own, and the function that it computes.
///
/// One's own module names its children and says what it computes:
/// ```swift
/// final class Perceptron: Module {
///   let hidden = Linear(784, 256), output = Linear(256, 10)
///   override var children: Children { ["hidden": hidden, "output": output] }
///   override func forward(_ input: Tensor) throws -> Tensor { try output(hidden(input).relu()) }
/// }
/// ```
/// Names and shapes are PyTorch's, so that checkpoints read the same there.
open class Module {
  public typealias Children = Named<Module>
  public typealias Tensors = Named<Tensor>

  /// Whether layers that differ in training and evaluation, such as dropout, behave as in training. Set through `train()`
  /// and `evaluate()`.
  public private(set) final var isTraining = true

  public init() {}

  /// The pieces, by name, in order.
  open var children: Children { [:] }
  /// The tensors that training changes, without those of the children.
  open var parameters: Tensors { [:] }
  /// Other tensors that belong to the state, such as running means.
  open var buffers: Tensors { [:] }

  /// Sums over the samples of an optimizer step, from which `updateStatistics` renews buffers: a forward pass adds to their
  /// `gradient`, and a trainer adds up the slices and ranks.
  open var stepSums: [Tensor] { [] }
  /// Renews buffers, such as running means, by the `stepSums`. All ranks must come to the same.
  open func updateStatistics() throws {}

  /// Makes the values of this module's own parameters. `key` differs for every module of a network.
  open func initialize(_ key: RandomKey) throws {}

  open func forward(_ input: Tensor) throws -> Tensor {
    throw TensorError("\(Self.self)", "does not say how to compute its output: override forward")
  }

  public final func callAsFunction(_ input: Tensor) throws -> Tensor {
    try NumericsCheck.within(self) { try forward(input) }
  }

  @discardableResult
  public final func train(_ isTraining: Bool = true) -> Self {
    self.isTraining = isTraining
    for child in children { child.value.train(isTraining) }
    return self
  }

  @discardableResult
  public final func evaluate() -> Self { train(false) }
}

extension Module {
  /// Every module under this one, itself included, with its dotted name; a shared module comes once for each name.
  public final func namedModules(_ prefix: String = "") -> [(name: String, module: Module)] {
    [(prefix, self)] + children.flatMap { $0.value.namedModules(prefix.isEmpty ? $0.key : prefix + "." + $0.key) }
  }

  /// The parameters with their dotted names, such as `0.weight`; a shared parameter once, under its first name.
  public final var namedParameters: [(name: String, tensor: Tensor)] { named(\.parameters) }

  /// The buffers with their dotted names.
  public final var namedBuffers: [(name: String, tensor: Tensor)] { named(\.buffers) }

  private final func named(_ tensors: KeyPath<Module, Tensors>) -> [(name: String, tensor: Tensor)] {
    var seen: Set<ObjectIdentifier> = []
    return namedModules().flatMap { name, module in
      module[keyPath: tensors].compactMap { key, tensor in
        seen.insert(ObjectIdentifier(tensor)).inserted ? (name.isEmpty ? key : name + "." + key, tensor) : nil
      }
    }
  }

  /// The modules that keep running statistics, each once.
  public final var statisticians: [Module] {
    var seen: Set<ObjectIdentifier> = []
    return namedModules().map(\.module).filter { !$0.stepSums.isEmpty && seen.insert(ObjectIdentifier($0)).inserted }
  }

  /// Parameters and buffers by name, as PyTorch's `state_dict()`.
  public final var state: [(name: String, tensor: Tensor)] { namedParameters + namedBuffers }

  /// The parameter or buffer of that dotted name, `2.bias` say.
  public final func tensor(named name: String) -> Tensor? { state.first { $0.name == name }?.tensor }

  public final var parameterCount: Int { namedParameters.reduce(0) { $0 + $1.tensor.elementCount } }

  /// Overwrites the state. Every name must be there with its shape, and no other.
  public final func load(_ values: [String: Tensor]) throws {
    let own = state
    let names = Set(own.map(\.name))
    var faults = own.filter { values[$0.name] == nil }.map { "\($0.name) is missing" }
    faults += values.keys.filter { !names.contains($0) }.sorted().map { "\($0) is unknown" }
    faults += own.compactMap { name, tensor in
      guard let value = values[name], value.shape != tensor.shape else { return nil }
      return "\(name) has shape \(value.shape), not \(tensor.shape)"
    }
    guard faults.isEmpty else {
      throw TensorError("load", "the state is of another model: " + faults.joined(separator: ", "))
    }
    for (name, tensor) in own { if let value = values[name] { tensor.assign(value) } }
  }

  /// Draws all parameters anew, as a function of the seed alone.
  public final func initializeAll(seed: UInt64) throws {
    for (index, entry) in namedModules().enumerated() {
      try entry.module.initialize(RandomKey(seed: seed, .initialization, layer: index * 16))
    }
  }

  /// Visits this module and all below, children first, as PyTorch's `apply`.
  public final func apply(_ visit: (Module) throws -> Void) rethrows {
    for child in children { try child.value.apply(visit) }
    try visit(self)
  }

  public final func clearGradients() { for entry in namedParameters { entry.tensor.gradient = nil } }
}
