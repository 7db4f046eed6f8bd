import Tensors

/// A leaf tensor that training changes.
public typealias Parameter = Tensor

/// Values with names, in order; written as a dictionary literal.
public struct Named<Value>: ExpressibleByDictionaryLiteral, Sequence {
  /// In the order in which they were given.
  public let entries: [(key: String, value: Value)]

  /// Keeps the order.
  public init(_ entries: [(key: String, value: Value)]) { self.entries = entries }
  public init(dictionaryLiteral entries: (String, Value)...) { self.init(entries.map { (key: $0.0, value: $0.1) }) }
  public func makeIterator() -> IndexingIterator<[(key: String, value: Value)]> { entries.makeIterator() }
  /// The value of that name.
  public subscript(name: String) -> Value? { entries.first { $0.key == name }?.value }
}

/// A piece of a network: parameters, buffers, pieces of its own, and the function that it computes.
///
/// One's own module has its pieces for properties and says what it computes:
/// ```swift
/// final class Perceptron: Module {
///   let hidden = Linear(784, 256), output = Linear(256, 10)
///   override func forward(_ input: Tensor) -> Tensor { output(hidden(input.flattened()).relu()) }
/// }
/// ```
/// **Properties are the children.** Modules, and arrays, dictionaries, optionals and tuples of them, are found by reflection,
/// private ones and those of superclasses too, and named after the property: `hidden`, `blocks.0`, `paths.left`. Where
/// PyTorch's name differs, so that checkpoints read the same there, the piece brings it along: `Linear(2, 2).named("p1_1")`.
/// A tensor is a parameter if it was made by `Tensor.parameter`, a buffer if by `Tensor.buffer`; any other is a value of the
/// moment, neither trained nor saved.
///
/// What holds parameters but isn't found, in a struct or a set say, is an error when training starts (`validate()`);
/// only a closure can't be looked into. Properties are looked through when they are first needed, and again whenever
/// names are asked for (`namedParameters`, `state`, `train()`), so that a piece that was replaced counts from then on;
/// never in a training step.
open class Module {
  /// Modules by name.
  public typealias Children = Named<Module>
  /// Tensors by name.
  public typealias Tensors = Named<Tensor>

  /// Whether layers that differ in training and evaluation, such as dropout, behave as in training. Set through `train()`
  /// and `evaluate()`.
  public private(set) final var isTraining = true
  /// Whether this layer stays as it is while others are trained, see `freeze`: it then behaves as in evaluation.
  public internal(set) final var isFrozen = false
  /// Whether what it computes is computed again for backward instead of being kept, see `checkpointActivations`.
  public internal(set) final var isSegment = false
  /// The name to go by in whatever holds this module, instead of the property's.
  final var ownName: String?
  private final var found: Structure?

  /// A module in training mode. Its properties are looked through when they are first needed.
  public init() {}

  /// The pieces, by name, in order.
  open var children: Children { Named(structure.children) }
  /// The tensors that training changes, without those of the children.
  open var parameters: Tensors { Named(structure.parameters) }
  /// Other tensors that belong to the state, such as running means.
  open var buffers: Tensors { Named(structure.buffers) }

  /// Sums over the samples of an optimizer step, from which `updateStatistics` renews buffers: a forward pass adds to their
  /// `gradient`, and a trainer adds up the slices and ranks.
  open var stepSums: [Tensor] { [] }
  /// Renews buffers, such as running means, by the `stepSums`. All ranks must come to the same.
  open func updateStatistics() throws {}

  /// Makes the values of this module's own parameters. `key` differs for every module of a network.
  open func initialize(_ key: RandomKey) {}

  /// What this module computes. An input that doesn't fit gives a tensor that carries the fault (`Tensor.fault`). What
  /// needs more than one tensor is a method of one's own beside it.
  open func forward(_ input: Tensor) -> Tensor {
    let error = TensorError("\(Self.self)", "does not say how to compute its output: override forward")
    return Tensor(fault: error, of: [input], input.shape)
  }

  /// What `forward` computes: a module is called like a function.
  public final func callAsFunction(_ input: Tensor) -> Tensor {
    if isSegment { return segment { LayerWatch.within(self, output: \.self) { self.forward(input) } } }
    return LayerWatch.within(self, output: \.self) { forward(input) }
  }

  /// What the properties hold, as it was when last looked at.
  final var structure: Structure {
    if let found { return found }
    let fresh = Structure(of: self)
    found = fresh
    return fresh
  }

  /// Looks at the properties anew when they are next needed.
  final func forgetStructure() { found = nil }

  /// Switches this module and all below to training, but for frozen layers, or to evaluation.
  @discardableResult
  public final func train(_ isTraining: Bool = true) -> Self {
    for entry in namedModules() { entry.module.isTraining = isTraining && !entry.module.isFrozen }
    return self
  }

  /// Switches this module and all below to evaluation.
  @discardableResult
  public final func evaluate() -> Self { train(false) }
}

extension Module {
  /// Draws all parameters anew, as a function of the seed alone.
  public final func initializeAll(seed: UInt64) {
    for (index, entry) in namedModules().enumerated() {
      entry.module.initialize(RandomKey(seed: seed, .initialization, layer: index * 16))
    }
  }

  /// Visits this module and all below, children first, as PyTorch's `apply`.
  public final func apply(_ visit: (Module) throws -> Void) rethrows {
    for child in children { try child.value.apply(visit) }
    try visit(self)
  }

  /// The modules that keep running statistics, each once, but for frozen ones.
  public final var statisticians: [Module] {
    var seen: Set<ObjectIdentifier> = []
    return namedModules().map(\.module).filter { module in
      !module.isFrozen && !module.stepSums.isEmpty && seen.insert(ObjectIdentifier(module)).inserted
    }
  }

  /// Forgets the gradients of all parameters, those of children included.
  public final func clearGradients() {
    for parameter in parameters { parameter.value.gradient = nil }
    for child in children { child.value.clearGradients() }
  }
}

extension Module {
  /// Goes by that name in whatever holds it, instead of by the property's: `Linear(2, 2).named("p1_1")`.
  @discardableResult
  public final func named(_ name: String) -> Self {
    ownName = name
    return self
  }
}
