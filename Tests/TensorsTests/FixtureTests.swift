import Foundation
import Tensors
import Testing

@testable import TestSupport

@Suite("Operators against PyTorch's figures")
struct FixtureTests {
  static let floats: [DType] = [.float32, .float64]

  static func cases(_ family: String) throws -> [OperatorCase] { try Fixture.load(family, in: .module) }

  private func check(
    _ fixture: OperatorCase, _ dtype: DType, relative: Double = 1e-5, absolute: Double = 1e-6
  ) throws {
    try Fixture.check(fixture, OperatorCalls.all, dtype, relative: relative, absolute: absolute)
  }

  @Test("Elementwise", arguments: try cases("elementwise"), floats)
  func elementwise(_ fixture: OperatorCase, dtype: DType) throws { try check(fixture, dtype) }

  @Test("Reductions", arguments: try cases("reductions"), floats)
  func reductions(_ fixture: OperatorCase, dtype: DType) throws { try check(fixture, dtype) }

  @Test("Matrix products", arguments: try cases("matmul"), floats)
  func matmul(_ fixture: OperatorCase, dtype: DType) throws { try check(fixture, dtype) }

  @Test("Shapes and indexing", arguments: try cases("shapes"), floats)
  func shapes(_ fixture: OperatorCase, dtype: DType) throws { try check(fixture, dtype) }

  @Test("Linear", arguments: try cases("linear"), floats)
  func linear(_ fixture: OperatorCase, dtype: DType) throws { try check(fixture, dtype) }

  /// A sum of hundreds of float32 products rounds by more than one product does.
  @Test("Convolutions", arguments: try cases("conv2d"))
  func conv2d(_ fixture: OperatorCase) throws { try check(fixture, .float32, relative: 1e-4, absolute: 1e-5) }

  @Test("Pooling", arguments: try cases("pooling"))
  func pooling(_ fixture: OperatorCase) throws { try check(fixture, .float32) }

  @Test("Order, statistics, division, logic", arguments: try cases("everyday"), floats)
  func everyday(_ fixture: OperatorCase, dtype: DType) throws { try check(fixture, dtype) }

  @Test("Arranging, masks, positions, einsum", arguments: try cases("arranging"), floats)
  func arranging(_ fixture: OperatorCase, dtype: DType) throws { try check(fixture, dtype) }

  @Test("Windows rounded up, sequences, transposed convolutions", arguments: try cases("windows"))
  func windows(_ fixture: OperatorCase) throws { try check(fixture, .float32, relative: 1e-4, absolute: 1e-5) }

  /// Sums of a batch round more than single numbers.
  @Test("Normalisation", arguments: try cases("normalization"))
  func normalization(_ fixture: OperatorCase) throws {
    try check(fixture, .float32, relative: 1e-4, absolute: 1e-5)
  }
}
