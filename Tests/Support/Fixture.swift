import Foundation
import Tensors
import Testing

/// A tensor as the fixtures write it.
struct FixtureTensor: Decodable, Sendable {
  let shape: [Int]
  let type: String
  let values: [Double]

  func tensor(_ floatType: DType = .float32) throws -> Tensor {
    let dtype: DType =
      switch type {
      case "int64": .int64
      case "bool": .bool
      default: floatType
      }
    return Tensor(values, shape: Shape(shape)).to(dtype)
  }
}

/// One operator on given inputs, with PyTorch's output and gradients (`make_fixtures.py`).
struct OperatorCase: Decodable, Sendable, CustomTestStringConvertible {
  struct Arguments: Decodable, Sendable {
    let axis: Int?, axes: [Int]?, keepDimensions: Bool?
    let shape: [Int]?, start: Int?, end: Int?, step: Int?
    let stride: [Int]?, padding: [Int]?, dilation: [Int]?, groups: Int?, kernel: [Int]?, countIncludePadding: Bool?
    let reduction: String?, exponent: Double?, minimum: Double?, maximum: Double?
    let transposeFirst: Bool?, transposeSecond: Bool?
    let thenReLU: Bool?, mean: [Double]?, variance: [Double]?
    let count: Int?, reverse: Bool?, equation: String?, mode: String?, ceilMode: Bool?
    let smoothing: Double?, weighted: Bool?, ignored: Int?, delta: Double?
  }

  let name, op: String
  let arguments: Arguments
  let inputs: [FixtureTensor]
  let output: FixtureTensor
  let gradientOutput: FixtureTensor?
  let gradients: [FixtureTensor?]?

  var testDescription: String { name }
}

/// What an operator of the fixtures is called here.
typealias OperatorCall = @Sendable (_ arguments: OperatorCase.Arguments, _ inputs: [Tensor]) throws -> Tensor

enum Fixture {
  /// The cases of `Fixtures/<family>.json` in the bundle of a test target.
  static func load<Case: Decodable>(_ family: String, _ type: Case.Type = Case.self, in bundle: Bundle) throws -> [Case]
  {
    let file = bundle.bundleURL.appendingPathComponent("Fixtures/\(family).json")
    return try JSONDecoder().decode([Case].self, from: Data(contentsOf: file))
  }

  /// Runs the operator forward and backward and compares with PyTorch's figures.
  static func check(
    _ fixture: OperatorCase, _ calls: [String: OperatorCall], _ dtype: DType, relative: Double = 1e-5,
    absolute: Double = 1e-6
  ) throws {
    let compute = try #require(calls[fixture.op], "no Swift call for the operator \(fixture.op)")
    let inputs = try fixture.inputs.map { try $0.tensor(dtype) }
    for (index, input) in inputs.enumerated() where input.dtype.isFloat && fixture.gradients?[index] != nil {
      input.requiringGradient()
    }
    let output = try compute(fixture.arguments, inputs)
    try expectNear(output, fixture.output, "output", relative, absolute)
    guard let gradientOutput = fixture.gradientOutput, let gradients = fixture.gradients else { return }
    #expect(output.dtype == dtype)
    try output.backward(gradient: gradientOutput.tensor(dtype))
    for (index, (input, wanted)) in zip(inputs, gradients).enumerated() {
      guard let wanted else {
        #expect(input.gradient == nil)
        continue
      }
      let gradient = try #require(input.gradient, "input \(index) has no gradient")
      try expectNear(gradient, wanted, "gradient of input \(index)", relative, absolute)
    }
  }

  static func expectNear(
    _ actual: Tensor, _ wanted: FixtureTensor, _ what: String, _ relative: Double = 1e-5, _ absolute: Double = 1e-6
  ) throws {
    #expect(actual.shape.extents == wanted.shape, "\(what)")
    let values = try actual.values(as: Double.self)
    try #require(values.count == wanted.values.count)
    let wrong = values.indices.first { index in
      !(abs(values[index] - wanted.values[index]) <= absolute + relative * abs(wanted.values[index]))
    }
    if let wrong { Issue.record("\(what), element \(wrong): \(values[wrong]), PyTorch has \(wanted.values[wrong])") }
  }
}
