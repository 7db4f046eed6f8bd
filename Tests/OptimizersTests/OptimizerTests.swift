import Foundation
import Optimizers
import Tensors
import Testing

@testable import TestSupport

/// Some steps of an optimizer, with the gradients that it was given.
struct OptimizerCase: Decodable, Sendable, CustomTestStringConvertible {
  struct Arguments: Decodable, Sendable {
    let learningRate: Double
    let momentum, dampening, weightDecay, epsilon, trust: Double?
    let learningRateDecay, initialSum, alpha, rho: Double?
    let nesterov, centered: Bool?
    let betas: [Double]?
    let scaling: Muon.Scaling?
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
    case "lars": return LARS([group], momentum: arguments.momentum ?? 0.9, trust: arguments.trust ?? 0.001)
    case "lamb": return LAMB([group], betas: betas, epsilon: arguments.epsilon ?? 1e-6)
    case "adagrad":
      return Adagrad(
        [group], learningRateDecay: arguments.learningRateDecay ?? 0, initialSum: arguments.initialSum ?? 0,
        epsilon: arguments.epsilon ?? 1e-10)
    case "rmsprop":
      return RMSProp(
        [group], alpha: arguments.alpha ?? 0.99, epsilon: arguments.epsilon ?? 1e-8,
        momentum: arguments.momentum ?? 0, centered: arguments.centered ?? false)
    case "adadelta": return Adadelta([group], rho: arguments.rho ?? 0.9, epsilon: arguments.epsilon ?? 1e-6)
    case "muon":
      return Muon(
        [group], momentum: arguments.momentum ?? 0.95, nesterov: arguments.nesterov ?? true,
        scaling: arguments.scaling ?? .original)
    default: throw TensorError("fixture", "no Swift class for the optimizer \(optimizer)")
    }
  }
}

struct ScheduleCase: Decodable, Sendable, CustomTestStringConvertible {
  struct Arguments: Decodable, Sendable {
    let learningRate: Double
    let stepSize, totalSteps, warmUpSteps: Int?
    let gamma, minimum, startFactor, power, rise: Double?
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
    case "exponential": return .exponential(period: arguments.stepSize ?? 0, factor: arguments.gamma ?? 0)
    case "polynomial": return .polynomial(steps: arguments.totalSteps ?? 0, power: arguments.power ?? 1)
    case "oneCycle": return .oneCycle(steps: arguments.totalSteps ?? 0, rise: arguments.rise ?? 0.3)
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

@Suite("Optimizers, schedules and clipping against PyTorch's figures")
struct OptimizerTests {
  @Test("Optimizers", arguments: try Fixture.load("optimizers", OptimizerCase.self, in: .module))
  func optimizers(_ fixture: OptimizerCase) throws {
    let weights = try fixture.start.tensor()
    let settings = fixture.arguments
    let optimizer = try fixture.make(
      ParameterGroup(
        [("weights", weights)], learningRate: settings.learningRate, weightDecay: settings.weightDecay ?? 0,
        isOrthogonal: fixture.optimizer == "muon"))
    // Five rounds of Newton and Schulz's iteration multiply rounding errors by some hundred.
    let (relative, absolute) = fixture.optimizer == "muon" ? (1e-4, 2e-5) : (1e-5, 2e-6)
    for (gradient, wanted) in zip(fixture.gradients, fixture.parameters) {
      weights.gradient = try gradient.tensor()
      try optimizer.step()
      try Fixture.expectNear(weights, wanted, "after step \(optimizer.stepCount)", relative, absolute)
    }
    #expect(optimizer.stepCount == 20)
  }

  @Test("Schedules", arguments: try Fixture.load("schedules", ScheduleCase.self, in: .module))
  func schedules(_ fixture: ScheduleCase) throws {
    let schedule = try fixture.make()
    for (step, wanted) in fixture.learningRates.enumerated() {
      let rate = fixture.arguments.learningRate * schedule.factor(at: step)
      #expect(abs(rate - wanted) < 1e-8, "step \(step)")
    }
  }

  @Test("Clipping", arguments: try Fixture.load("clipping", ClippingCase.self, in: .module))
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
}
