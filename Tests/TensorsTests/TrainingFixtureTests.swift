import Foundation
import Networks
import Optimizers
import Tensors
import Testing

/// Five steps of an optimizer, with the gradients that it was given.
struct OptimizerCase: Decodable, Sendable, CustomTestStringConvertible {
  struct Arguments: Decodable, Sendable {
    let learningRate: Double
    let momentum, dampening, weightDecay, epsilon: Double?
    let nesterov: Bool?, betas: [Double]?
  }
  let name, optimizer: String
  let arguments: Arguments
  let start: FixtureTensor
  let gradients, parameters: [FixtureTensor]
  var testDescription: String { name }

  func make(_ group: ParameterGroup) throws -> any Optimizer {
    let betas = (mean: arguments.betas?[0] ?? 0.9, square: arguments.betas?[1] ?? 0.999)
    switch optimizer {
    case "sgd":
      return SGD(
        [group], momentum: arguments.momentum ?? 0, dampening: arguments.dampening ?? 0,
        nesterov: arguments.nesterov ?? false)
    case "adam": return Adam([group], betas: betas, epsilon: arguments.epsilon ?? 1e-8)
    case "adamw": return Adam([group], betas: betas, epsilon: arguments.epsilon ?? 1e-8, isDecoupled: true)
    default: throw TensorError("fixture", "no Swift class for the optimizer \(optimizer)")
    }
  }
}

struct ScheduleCase: Decodable, Sendable, CustomTestStringConvertible {
  struct Arguments: Decodable, Sendable {
    let learningRate: Double
    let stepSize, totalSteps, warmUpSteps: Int?
    let gamma, minimum, startFactor: Double?
  }
  let name, schedule: String
  let arguments: Arguments
  let learningRates: [Double]
  var testDescription: String { name }

  func make() throws -> Schedule {
    let end = (arguments.minimum ?? 0) / arguments.learningRate
    let cosine = Schedule.cosine(steps: arguments.totalSteps ?? 0, end: end)
    let (warmUp, start) = (arguments.warmUpSteps ?? 0, arguments.startFactor ?? 0)
    switch schedule {
    case "step": return .step(period: arguments.stepSize ?? 0, factor: arguments.gamma ?? 0)
    case "cosine": return cosine
    case "warmUp": return .warmUp(steps: warmUp, start: start)
    case "warmUpCosine": return .warmUp(steps: warmUp, start: start, then: cosine)
    default: throw TensorError("fixture", "no Swift case for the schedule \(schedule)")
    }
  }
}

struct ClippingCase: Decodable, Sendable, CustomTestStringConvertible {
  let name: String
  let maximumNorm, totalNorm: Double
  let gradients, clipped: [FixtureTensor]
  var testDescription: String { name }
}

/// A network of the book on two examples, with digests of its gradients.
struct NetworkCase: Decodable, Sendable, CustomTestStringConvertible {
  struct Digest: Decodable, Sendable {
    let name: String, shape: [Int]
    let gradientSum, gradientAbsoluteSum: Double
    let indices: [Int], gradientValues: [Double]
  }
  let name: String, inputShape: [Int], labels: [Int64]
  let logits: FixtureTensor, loss: Double
  let parameters: [Digest]
  var testDescription: String { name }

  func make() throws -> Sequential {
    switch name {
    case "softmax-regression": return Sequential(Flatten(), Linear(784, 10))
    case "mlp": return Sequential(Flatten(), Linear(784, 256), ReLU(), Linear(256, 10))
    case "lenet":
      return Sequential(
        Conv2D(1, 6, kernel: 5, padding: 2), Sigmoid(), AvgPool2D(2), Conv2D(6, 16, kernel: 5), Sigmoid(),
        AvgPool2D(2), Flatten(), Linear(400, 120), Sigmoid(), Linear(120, 84), Sigmoid(), Linear(84, 10))
    default: throw TensorError("fixture", "no Swift network for \(name)")
    }
  }
}

@Suite("Optimizers, schedules, clipping and networks against PyTorch's figures")
struct TrainingFixtureTests {
  @Test("Optimizers", arguments: try Fixture.load("optimizers", OptimizerCase.self))
  func optimizers(_ fixture: OptimizerCase) throws {
    let weights = try fixture.start.tensor()
    let settings = fixture.arguments
    let optimizer = try fixture.make(
      ParameterGroup(
        [("weights", weights)], learningRate: settings.learningRate, weightDecay: settings.weightDecay ?? 0))
    for (gradient, wanted) in zip(fixture.gradients, fixture.parameters) {
      weights.gradient = try gradient.tensor()
      try optimizer.step()
      try Fixture.expectNear(weights, wanted, "after step \(optimizer.stepCount)", 1e-5, 2e-6)
    }
    #expect(optimizer.stepCount == 5)
  }

  @Test("Schedules", arguments: try Fixture.load("schedules", ScheduleCase.self))
  func schedules(_ fixture: ScheduleCase) throws {
    let schedule = try fixture.make()
    for (step, wanted) in fixture.learningRates.enumerated() {
      let rate = fixture.arguments.learningRate * schedule.factor(at: step)
      #expect(abs(rate - wanted) < 1e-8, "step \(step)")
    }
  }

  @Test("Clipping", arguments: try Fixture.load("clipping", ClippingCase.self))
  func clipping(_ fixture: ClippingCase) throws {
    let parameters = try fixture.gradients.map { gradient in
      let parameter = Tensor.zeros(Shape(gradient.shape)).requiringGradient()
      parameter.gradient = try gradient.tensor()
      return parameter
    }
    let norm = try clipGradients(parameters, norm: fixture.maximumNorm)
    #expect(abs(norm - fixture.totalNorm) < 1e-5 * fixture.totalNorm)
    for (parameter, wanted) in zip(parameters, fixture.clipped) {
      try Fixture.expectNear(#require(parameter.gradient), wanted, "clipped gradient")
    }
  }

  @Test("Networks", arguments: try Fixture.load("networks", NetworkCase.self))
  func networks(_ fixture: NetworkCase) throws {
    let network = try fixture.make()
    #expect(network.namedParameters.map(\.name) == fixture.parameters.map(\.name))
    #expect(network.namedParameters.map(\.tensor.shape.extents) == fixture.parameters.map(\.shape))
    for (index, entry) in network.namedParameters.enumerated() {
      try entry.tensor.assign(Self.formula(entry.tensor.shape, 0.1, 0.37, Double(index)))
    }
    let input = try Self.formula(Shape(fixture.inputShape), 0.5, 0.11, 0, offset: 0.5)
    let logits = try network(input)
    try Fixture.expectNear(logits, fixture.logits, "logits", 1e-4, 1e-5)
    let loss = try crossEntropy(logits, Tensor(fixture.labels))
    #expect(abs(try loss.item() - fixture.loss) < 1e-5)
    try loss.backward()
    // With weights of a sine the terms of LeNet's sums are a hundred times larger than the sums, twice in a row.
    let tolerance = fixture.name == "lenet" ? 1e-3 : 1e-5
    for (entry, wanted) in zip(network.namedParameters, fixture.parameters) {
      let values = try #require(entry.tensor.gradient).values(as: Double.self)
      let (magnitude, allowed) = (values.reduce(0) { $0 + abs($1) }, tolerance * wanted.gradientAbsoluteSum)
      #expect(abs(magnitude - wanted.gradientAbsoluteSum) <= allowed, "\(wanted.name)")
      #expect(abs(values.reduce(0, +) - wanted.gradientSum) <= allowed, "\(wanted.name)")
      for (index, value) in zip(wanted.indices, wanted.gradientValues) {
        #expect(abs(values[index] - value) <= 1e-4 * abs(value) + 1e-7, "\(wanted.name)[\(index)]")
      }
    }
  }

  /// `offset + scale · sin(frequency · i + phase)` over the row-major index i, as the script has it.
  private static func formula(
    _ shape: Shape, _ scale: Double, _ frequency: Double, _ phase: Double, offset: Double = 0
  ) throws -> Tensor {
    let values = (0..<shape.elementCount).map { Float(offset + scale * sin(frequency * Double($0) + phase)) }
    return Tensor(values, shape: shape)
  }
}
