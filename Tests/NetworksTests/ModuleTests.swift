import Networks
import Optimizers
import Tensors
import Testing

@testable import TestSupport

@Suite("Modules")
struct ModuleTests {
  /// The README's module of one's own.
  private final class Perceptron: Module {
    let hidden = Linear(4, 3)
    let output = Linear(3, 2, bias: false)
    override func forward(_ input: Tensor) -> Tensor { output(hidden(input).relu()) }
  }

  /// A buffer, a parameter of its own, and one layer under two names.
  private final class Tied: Module {
    let first, second: Linear
    let scale = Tensor.parameter([2])
    let runningMean = Tensor.buffer([2], 1, named: "running_mean")

    override init() {
      first = Linear(2, 2)
      second = first
    }
  }

  private static func lenet() -> Sequential {
    Sequential(
      Conv2D(1, 6, kernel: 5, padding: 2), Sigmoid(), AvgPool2D(2), Conv2D(6, 16, kernel: 5), Sigmoid(), AvgPool2D(2),
      Flatten(), Linear(400, 120), Sigmoid(), Linear(120, 84), Sigmoid(), Linear(84, 10))
  }

  @Test("The state is named and shaped as PyTorch's")
  func state() {
    let names = Self.lenet().state.map { "\($0.name) \($0.tensor.shape)" }
    #expect(
      names == [
        "0.weight [6, 1, 5, 5]", "0.bias [6]", "3.weight [16, 6, 5, 5]", "3.bias [16]", "7.weight [120, 400]",
        "7.bias [120]", "9.weight [84, 120]", "9.bias [84]", "11.weight [10, 84]", "11.bias [10]",
      ])
    #expect(Self.lenet().parameterCount == 61_706)
    #expect(Perceptron().state.map(\.name) == ["hidden.weight", "hidden.bias", "output.weight"])
    #expect(Conv2D(4, 6, kernel: [3, 5], groups: 2).weight.shape == [6, 2, 3, 5])
  }

  @Test("A shared parameter is there once; buffers come after the parameters")
  func shared() {
    #expect(Tied().state.map(\.name) == ["scale", "first.weight", "first.bias", "running_mean"])
    #expect(Tied().namedModules().map(\.name) == ["", "first", "second"])
  }

  @Test("Loading copies every value")
  func loading() throws {
    let (source, target) = (Self.lenet(), Self.lenet())
    #expect(try source[0].parameters.first { _ in true }?.value.floats() != target.state[0].tensor.floats())
    try target.load(Dictionary(uniqueKeysWithValues: source.state.map { ($0.name, $0.tensor) }))
    for (mine, theirs) in zip(target.state, source.state) {
      #expect(try mine.tensor.floats() == theirs.tensor.floats() && mine.tensor !== theirs.tensor)
    }
  }

  @Test("A state of another model is refused whole, with all that is wrong")
  func loadingErrors() throws {
    let model = Perceptron()
    let before = try model.hidden.bias?.floats()
    let error = #expect(throws: TensorError.self) {
      try model.load(["hidden.weight": .zeros([4, 3]), "hidden.bias": .zeros([3]), "extra": .zeros([1])])
    }
    #expect(
      error?.description
        == "load: the state is of another model: output.weight is missing, extra is unknown, "
        + "hidden.weight has shape [4, 3], not [3, 4]")
    #expect(try model.hidden.bias?.floats() == before)
  }

  @Test("Training and evaluation reach every module")
  func modes() {
    let model = Sequential(Linear(2, 2), Sequential(Dropout(0.5), Perceptron()))
    model.evaluate()
    #expect(model.namedModules().map(\.module.isTraining) == [Bool](repeating: false, count: 7))
    model.train()
    #expect(model.namedModules().map(\.module.isTraining) == [Bool](repeating: true, count: 7))
  }

  @Test("apply visits children first")
  func applying() {
    var visited: [String] = []
    Sequential(Linear(1, 1), ReLU()).apply { visited.append("\(type(of: $0))") }
    #expect(visited == ["Linear", "ReLU", "Sequential"])
  }

  @Test("Gradients are cleared by the module and by the optimizer")
  func clearing() throws {
    let model = Perceptron()
    let optimizer = SGD([ParameterGroup(model.namedParameters, learningRate: 0.1)])
    for clear in [{ model.clearGradients() }, { optimizer.clearGradients() }] {
      try model(Tensor.ones([2, 4])).sum().backward()
      #expect(model.hidden.weight.gradient != nil)
      clear()
      #expect(model.namedParameters.map { $0.tensor.gradient == nil } == [true, true, true])
    }
  }

  @Test("Initialisation is a function of the seed; layers differ from each other")
  func seeds() throws {
    let (first, second) = (Self.lenet(), Self.lenet())
    first.initializeAll(seed: 3)
    second.initializeAll(seed: 3)
    for (mine, theirs) in zip(first.state, second.state) { #expect(try mine.tensor.floats() == theirs.tensor.floats()) }
    second.initializeAll(seed: 4)
    for (mine, theirs) in zip(first.state, second.state) { #expect(try mine.tensor.floats() != theirs.tensor.floats()) }
    let twins = Sequential(Linear(5, 5), Linear(5, 5))
    twins.initializeAll(seed: 0)
    #expect(try twins.state[0].tensor.floats() != twins.state[2].tensor.floats())
    #expect(try Linear(5, 5).weight.floats() != Linear(5, 5).weight.floats())
  }

  /// An initialiser with the mean, variance and bound that its source gives it, for weights `[120, 16, 5, 5]`.
  static let expectations: [(Initializer, mean: Double, variance: Double, bound: Double)] = {
    let (fanIn, fanOut) = (16.0 * 25, 120.0 * 25)
    return [
      (.uniform(-0.1, 0.3), 0.1, 0.16 / 12, 0.3), (.normal(mean: 1, standardDeviation: 0.5), 1, 0.25, .infinity),
      (.xavierUniform, 0, 2 / (fanIn + fanOut), (6 / (fanIn + fanOut)).squareRoot()),
      (.xavierNormal, 0, 2 / (fanIn + fanOut), .infinity),
      (.kaimingUniform, 0, 2 / fanIn, (6 / fanIn).squareRoot()), (.kaimingNormal, 0, 2 / fanIn, .infinity),
      (.fanInUniform, 0, 1 / (3 * fanIn), 1 / fanIn.squareRoot()), (.constant(0.25), 0.25, 0, 0.25),
    ]
  }()

  @Test("Initialisers have the ranges and variances of their sources", arguments: ModuleTests.expectations.indices)
  func initializers(index: Int) throws {
    let (initializer, mean, variance, bound) = Self.expectations[index]
    let tensor = Tensor.zeros([120, 16, 5, 5])
    initializer.fill(tensor, key: RandomKey(seed: 0))
    let values = try tensor.values(as: Double.self)
    let count = Double(values.count)
    let average = values.reduce(0, +) / count
    #expect(abs(average - mean) <= 5 * (variance / count).squareRoot())
    #expect(abs(values.reduce(0) { $0 + ($1 - average) * ($1 - average) } / count - variance) <= 0.03 * variance)
    let largest = values.map(abs).max() ?? 0
    #expect(largest <= bound * (1 + 1e-6) && (bound == .infinity || largest > 0.99 * bound))
  }

  @Test("Layers start as PyTorch's: weights and biases uniform in ±1 / √inputs")
  func defaults() throws {
    for layer in [Linear(400, 300) as Module, Conv2D(16, 300, kernel: 5)] {
      for entry in layer.namedParameters {
        let largest = try entry.tensor.floats().map(abs).max() ?? 0
        #expect(largest <= 0.05 && largest > 0.045, "\(type(of: layer)) \(entry.name)")
      }
    }
  }

  @Test("Optimizers leave parameters without gradient alone and refuse what does not fit")
  func optimizers() throws {
    let (moved, still) = (Tensor.ones([2]).requiringGradient(), Tensor.ones([2]).requiringGradient())
    moved.gradient = Tensor(Float(2)).expanded(to: [2])
    let group = ParameterGroup([("moved", moved), ("still", still)], learningRate: 0.25)
    for optimizer in [SGD([group]) as any Optimizer, Adam([group])] {
      moved.fill(1)
      try optimizer.step()
      #expect(try moved.floats()[0] < 1 && still.floats() == [1, 1])
    }
    moved.gradient = Tensor.ones([3])
    let error = #expect(throws: TensorError.self) { try SGD([group]).step() }
    #expect(error?.description.contains("moved") == true && error?.description.contains("[3]") == true)
  }

  /// PyTorch: momentum 0.1 towards the batch's mean and unbiased variance, from 0 and 1.
  @Test("Running statistics follow the batches, and evaluation uses them")
  func runningStatistics() throws {
    let layer = BatchNorm1D(2)
    let batch = Tensor([[1, 10], [3, 20], [5, 60]] as [[Float]])
    let normalized = layer(batch)
    #expect(try layer.runningMean.floats().map { ($0 * 1e4).rounded() } == [3000, 30000])
    #expect(try layer.runningVariance.floats().map { ($0 * 1e3).rounded() } == [1300, 70900])
    #expect(try layer.batchesTracked.floats() == [1])
    #expect(try normalized.mean(0).floats().allSatisfy { abs($0) < 1e-6 })
    layer.evaluate()
    let evaluated = layer(Tensor([[0.3, 3]] as [[Float]]))
    #expect(try evaluated.floats().allSatisfy { abs($0) < 1e-6 })
    #expect(try layer.batchesTracked.floats() == [1])
    #expect(layer.state.map(\.name) == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"])
  }

  @Test("A batch of one value per channel has no statistics")
  func oneSample() throws {
    #expect(throws: TensorError.self) { try BatchNorm1D(2)(Tensor([[1, 2]] as [[Float]])).floats() }
    #expect(throws: TensorError.self) { try BatchNorm2D(2)(.zeros([4, 2])).floats() }
    #expect(BatchNorm1D(2).evaluate()(Tensor([[1, 2]] as [[Float]])).shape == [1, 2])
  }
}
