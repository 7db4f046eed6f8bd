import Lockstep

/// Chapter 5.1 to 5.4: blocks, parameters, shared parameters, layers of one's own.
func modulesChapter(_ page: Page) {
  let x = Tensor.uniform([2, 20], key: RandomKey(seed: 0))
  let chimera = Sequential(NestedPerceptron(), Linear(16, 20), FixedHiddenPerceptron())
  let output = chimera(x)
  page.expect("a mixture of blocks gives a number", output.rank == 0, "\(output)")
  page.expect("which was halved to at most 1", page.number(output.abs()) <= 1)
  parameters(page)
  initialization(page)
  sharing(page)
  ownLayers(page)
}

/// The notes' `FixedHiddenMLP`: a weight that is not trained, one layer used twice, a loop.
private final class FixedHiddenPerceptron: Module {
  private let fixed = Tensor.uniform([20, 20], key: RandomKey(seed: 9))
  private let linear = Linear(20, 20)

  override func forward(_ input: Tensor) -> Tensor {
    let hidden = (linear(input).matmul(fixed) + 1).relu()
    var output = linear(hidden)
    while output.abs().sum().number > 1 { output = output / 2 }
    return output.sum()
  }
}

private final class NestedPerceptron: Module {
  private let net = Sequential(Linear(20, 64), ReLU(), Linear(64, 32), ReLU()), linear = Linear(32, 16)
  override func forward(_ input: Tensor) -> Tensor { linear(net(input)) }
}

private func parameters(_ page: Page) {
  let network = Sequential(Linear(4, 8), ReLU(), Linear(8, 1))
  let names = network.namedParameters.map { "\($0.name) \($0.tensor.shape)" }
  let expected = ["0.weight [8, 4]", "0.bias [8]", "2.weight [1, 8]", "2.bias [1]"]
  page.expect("names and shapes", names == expected, "\(names)")
  page.expect("no gradient before backward", network[2].parameters["weight"]?.gradient == nil)
  page.expect("one by its name", network.tensor(named: "2.bias") === network[2].parameters["bias"])
  func block() -> Module { Sequential(Linear(4, 8), ReLU(), Linear(8, 4), ReLU()) }
  let nested = Sequential(Sequential((0..<4).map { block().named("block \($0)") }), Linear(4, 1))
  let bias = nested.tensor(named: "0.block 1.0.bias")
  page.expect("a bias in nested blocks", bias?.shape == [8] && nested.namedParameters.count == 18)
}

private func initialization(_ page: Page) {
  let network = Sequential(Linear(4, 8), ReLU(), Linear(8, 1))
  network.apply { module in
    guard let linear = module as? Linear else { return }
    Initializer.constant(1).fill(linear.weight, key: RandomKey(seed: 0))
    linear.bias?.fill(0)
  }
  page.compare("all ones", network["0.weight"][0], notes: [1, 1, 1, 1])
  network[2].apply { ($0 as? Linear)?.weight.fill(42) }
  page.compare("42", network["2.weight"], notes: [Double](repeating: 42, count: 8))
  // One's own: uniform in ±10, and 0 where that is under 5.
  network.apply { module in
    guard let weight = (module as? Linear)?.weight else { return }
    let drawn = Tensor.uniform(weight.shape, -10, 10, key: RandomKey(seed: 1))
    weight.assign(drawn * (drawn.abs() >= 5).to(.float32))
  }
  let values = page.numbers(network["0.weight"])
  page.expect(
    "nothing in 0 < |w| < 5", values.allSatisfy { $0 == 0 || (5...10).contains(abs($0)) }, "\(values.prefix(4))")
}

private func sharing(_ page: Page) {
  let shared = Linear(8, 8)
  let network = Sequential(Linear(4, 8), ReLU(), shared, ReLU(), shared, ReLU(), Linear(8, 1))
  page.compare("parameters, the shared ones once", Double(network.parameterCount), notes: 40 + 72 + 9, within: 0)
  shared.weight[0, 0].fill(100)
  let (second, fourth) = (network[2]["weight"], network[4]["weight"])
  page.compare(
    "100 in both places", Tensor.stack([second[0, 0], fourth[0, 0]]), notes: [100, 100])
}

/// The notes' `CenteredLayer`.
private final class Centered: Module {
  override func forward(_ input: Tensor) -> Tensor { input - input.mean() }
}

/// The notes' `MyLinear`, whose parameters take part in training (the notes' `.data` cut them off).
private final class OwnLinear: Module {
  let weight, bias: Parameter

  init(_ inputs: Int, _ units: Int) {
    (weight, bias) = (.parameter([inputs, units]), .parameter([units]))
    super.init()
    initialize(RandomKey(seed: 0, .initialization))
  }

  override func initialize(_ key: RandomKey) {
    Initializer.normal(standardDeviation: 1).fill(weight, key: key)
    Initializer.normal(standardDeviation: 1).fill(
      bias, key: RandomKey(seed: key.seed, .initialization, layer: key.layer + 1))
  }

  override func forward(_ input: Tensor) -> Tensor { (input.matmul(weight) + bias).relu() }
}

private func ownLayers(_ page: Page) {
  page.compare("centred", Centered()(Tensor([1, 2, 3, 4, 5] as [Float])), notes: [-2, -1, 0, 1, 2])
  let y = Sequential(Linear(8, 128), Centered())(Tensor.uniform([4, 8], key: RandomKey(seed: 2)))
  page.compare("mean behind it", y.mean(), notes: 0, within: 1e-6)
  let network = Sequential(OwnLinear(64, 8), OwnLinear(8, 1))
  let output = network(Tensor.uniform([2, 64], key: RandomKey(seed: 3)))
  page.expect("layers of one's own in a row", output.shape == [2, 1], "\(output.shape)")
  page.backward(output.sum())
  page.expect("and gradients reach them", network.namedParameters.allSatisfy { $0.tensor.gradient != nil })
}

/// Chapter 5.5: tensors and parameters in files.
func filesChapter(_ page: Page) throws {
  let folder = page.workFolder
  let (x, y) = (Tensor.arange(4), Tensor.zeros([4]))
  try TensorFile.save(x, to: "\(folder)/x-file")
  try page.compare("a tensor", TensorFile.tensor("\(folder)/x-file"), notes: [0, 1, 2, 3])
  try TensorFile.save([x, y], to: "\(folder)/x-files")
  try page.compare("a list", Tensor.concatenate(TensorFile.list("\(folder)/x-files")), notes: [0, 1, 2, 3, 0, 0, 0, 0])
  try TensorFile.save(["x": x, "y": y], to: "\(folder)/mydict")
  let named = try TensorFile.dictionary("\(folder)/mydict")
  page.expect("a dictionary", named.keys.sorted() == ["x", "y"] && named["x"]?.dtype == .int64)

  func perceptron() -> Module {
    Sequential(Linear(20, 256).named("hidden"), ReLU().named("act"), Linear(256, 10).named("output"))
  }
  let (network, clone) = (perceptron(), perceptron())
  try TensorFile.save(network.state, to: "\(folder)/mlp.params")
  try clone.load(TensorFile.dictionary("\(folder)/mlp.params"))
  let input = Tensor.normal([2, 20], key: RandomKey(seed: 0))
  let same = clone.evaluate()(input) .== network(input)
  page.compare("a clone's outputs are the same", same.to(.float32), notes: [Double](repeating: 1, count: 20))
}

/// Chapter 5.6: devices.
func devicesChapter(_ page: Page) {
  page.show("  cpu, \(Device.cuda()), \(Device.cuda(1)); GPUs here: \(Device.cudaCount)")
  page.expect(
    "the tenth GPU if it is there, else the cpu", Device.tryGPU(10) == (Device.cudaCount > 10 ? .cuda(10) : .cpu))
  page.expect("all GPUs, or the cpu", Device.tryAllGPUs().allSatisfy(\.isAvailable), "\(Device.tryAllGPUs())")
  let x = Tensor([1, 2, 3] as [Int64])
  page.expect("a tensor knows its device", x.device == .cpu, "\(x.device)")
  page.expect("to where it is already gives itself", x.to(.cpu) === x)
  let missing = Device.cuda(Device.cudaCount)
  let refusal = x.to(missing).fault.map { "\($0)" } ?? ""
  page.expect("a device that is not there is refused", refusal.contains("\(missing)"), refusal)
}
