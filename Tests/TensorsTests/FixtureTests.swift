import Tensors
import Testing

@Suite("Operators against PyTorch's figures")
struct FixtureTests {
  static let floats: [DType] = [.float32, .float64]

  @Test("Elementwise", arguments: try Fixture.load("elementwise", OperatorCase.self), floats)
  func elementwise(_ fixture: OperatorCase, dtype: DType) throws { try Fixture.check(fixture, dtype) }

  @Test("Reductions", arguments: try Fixture.load("reductions", OperatorCase.self), floats)
  func reductions(_ fixture: OperatorCase, dtype: DType) throws { try Fixture.check(fixture, dtype) }

  @Test("Matrix products", arguments: try Fixture.load("matmul", OperatorCase.self), floats)
  func matmul(_ fixture: OperatorCase, dtype: DType) throws { try Fixture.check(fixture, dtype) }

  @Test("Shapes and indexing", arguments: try Fixture.load("shapes", OperatorCase.self), floats)
  func shapes(_ fixture: OperatorCase, dtype: DType) throws { try Fixture.check(fixture, dtype) }

  @Test("Linear", arguments: try Fixture.load("linear", OperatorCase.self), floats)
  func linear(_ fixture: OperatorCase, dtype: DType) throws { try Fixture.check(fixture, dtype) }

  @Test("Losses", arguments: try Fixture.load("losses", OperatorCase.self), floats)
  func losses(_ fixture: OperatorCase, dtype: DType) throws { try Fixture.check(fixture, dtype) }

  /// A sum of hundreds of float32 products rounds by more than one product does.
  @Test("Convolutions", arguments: try Fixture.load("conv2d", OperatorCase.self))
  func conv2d(_ fixture: OperatorCase) throws { try Fixture.check(fixture, .float32, relative: 1e-4, absolute: 1e-5) }

  @Test("Pooling", arguments: try Fixture.load("pooling", OperatorCase.self))
  func pooling(_ fixture: OperatorCase) throws { try Fixture.check(fixture, .float32) }

  /// Sums of a batch round more than single numbers.
  @Test("Normalisation", arguments: try Fixture.load("normalization", OperatorCase.self))
  func normalization(_ fixture: OperatorCase) throws {
    try Fixture.check(fixture, .float32, relative: 1e-4, absolute: 1e-5)
  }
}
