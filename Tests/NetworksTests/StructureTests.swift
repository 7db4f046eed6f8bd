import Networks
import Tensors
import Testing

@testable import TestSupport

@Suite("A module's properties are its children")
struct StructureTests {
  private class Base: Module {
    private let first = Linear(2, 2)
    let scale = Tensor.parameter([3])
  }

  private final class Derived: Base {
    let second = Linear(2, 2, bias: false)
    let mean = Tensor.buffer([3], 0, named: "running_mean")
    let rate = 0.5
    var latest: Tensor? = .zeros([2])
  }

  @Test("Private ones and those of superclasses are found, the superclass's first; plain tensors are not state")
  func inheritance() throws {
    let model = Derived()
    #expect(model.children.map(\.key) == ["first", "second"])
    #expect(model.state.map(\.name) == ["scale", "first.weight", "first.bias", "second.weight", "running_mean"])
    try model.validate()
  }

  private final class Containers: Module {
    let blocks = [Linear(1, 1, bias: false), Linear(1, 1, bias: false)]
    let paths = (left: Linear(1, 1, bias: false), Linear(1, 1, bias: false))
    let heads = ["b": Linear(1, 1, bias: false), "a": Linear(1, 1, bias: false)]
    let shortcut: Linear?
    let grid = [[ReLU()], [ReLU(), nil]]
    let weights = [Tensor.parameter([1]), .parameter([2], named: "bias")]
    lazy var late = Linear(1, 1, bias: false)
    @Traced var wrapped = Linear(1, 1, bias: false)

    init(_ shortcut: Linear?) { self.shortcut = shortcut }
  }

  /// A wrapper that knows nothing of modules.
  @propertyWrapper
  private struct Traced<Value> {
    var wrappedValue: Value
  }

  @Test("Arrays, dictionaries, optionals, tuples, lazy and wrapped properties give their elements names")
  func containers() throws {
    let model = Containers(Linear(1, 1, bias: false))
    let always = ["blocks.0", "blocks.1", "paths.left", "paths.1", "heads.a", "heads.b"]
    let grid = ["grid.0.0", "grid.1.0"]
    #expect(model.children.map(\.key) == always + ["shortcut"] + grid + ["wrapped"])
    #expect(model.parameters.map(\.key) == ["weights.0", "bias"])
    #expect(Containers(nil).children.map(\.key) == always + grid + ["wrapped"])
    _ = model.late
    #expect(model.namedModules().map(\.name).suffix(2) == ["late", "wrapped"])
    try model.validate()
  }

  @Test("A piece may bring its own name")
  func ownNames() throws {
    let model = Sequential(Linear(2, 2).named("hidden"), ReLU(), Linear(2, 1).named("output"))
    #expect(model.children.map(\.key) == ["hidden", "1", "output"])
    #expect(model.namedParameters.map(\.name).first == "hidden.weight")
  }

  private final class Replaceable: Module {
    var output = Linear(2, 3)
    weak var above: Module?
  }

  @Test("A piece that was replaced counts when names are asked for again; a way back up names nothing")
  func replacement() throws {
    let model = Replaceable()
    model.above = model
    #expect(model.parameterCount == 9)
    model.output = Linear(2, 5)
    #expect(model.parameterCount == 15)
    #expect(model.children["output"] === model.output)
    try model.validate()
  }

  private final class Tied: Module {
    let embedding: Tensor
    let output: Tensor

    override init() {
      embedding = .parameter([5, 3])
      output = embedding
    }
  }

  @Test("A parameter under two names is one parameter, and no fault")
  func tied() throws {
    #expect(Tied().state.map(\.name) == ["embedding"])
    try Tied().validate()
  }

  private struct Settings {
    let layer: Module
    let table = [Int](repeating: 0, count: 5_000_000)
  }

  private final class Hiding: Module {
    let settings: Settings
    let visible: Linear?

    init(_ layer: Module, visible: Linear? = nil) { (settings, self.visible) = (Settings(layer: layer), visible) }
  }

  private final class Untold: Module {
    let w: Tensor

    override init() {
      w = Tensor.parameter([2])
      w.role = nil
    }
  }

  private final class Forgetful: Module {
    let hidden = Linear(2, 2), output = Linear(2, 2)
    override var children: Children { ["hidden": hidden] }
  }

  private class First: Module { private let linear = Linear(1, 1) }
  private final class Second: First { private let linear = Linear(1, 1) }

  private final class Named: Module {
    let a = Linear(1, 1).named("x"), b = Tensor.parameter([1], named: "x")
  }

  @Test("What can't be found, or has another's name, is told before training")
  func faults() throws {
    func fault(_ model: Module) -> String? {
      do { try model.validate() } catch { return "\(error)" }
      return nil
    }
    let hiding = fault(Sequential(Hiding(Linear(1, 1))))
    #expect(hiding?.hasPrefix("Sequential: 0.settings.layer is a Linear that isn't found: ") == true, "\(hiding ?? "")")
    #expect(fault(Untold())?.hasPrefix("Untold: w is a Tensor that isn't found: ") == true)
    #expect(fault(Forgetful())?.hasPrefix("Forgetful: output is a Linear that isn't found") == true)
    #expect(fault(Second()) == "Second: two properties have the name linear: give one another, by named(_:)")
    #expect(fault(Named()) == "Named: two properties have the name x: give one another, by named(_:)")
    #expect(fault(Hiding(ReLU(), visible: Linear(1, 1)))?.contains("settings.layer") == true)
    let shared = Linear(1, 1)
    #expect(fault(Hiding(shared, visible: shared)) == nil)
  }
}
