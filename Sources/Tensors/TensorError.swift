import Failures

/// Why an operation on tensors can't be done: the operation and the shapes or types at fault, in one line.
public struct TensorError: Failure {
  /// What could not be done.
  public let operation: String
  /// Why, with the shapes and types.
  public let detail: String

  /// An operation, and what is wrong with what it was given.
  public init(_ operation: String, _ detail: String) {
    self.operation = operation
    self.detail = detail
  }

  static func impossible(_ shape: Shape, _ dtype: DType) -> TensorError {
    TensorError("tensor", "can't make one of shape \(shape) and type \(dtype)")
  }

  public var description: String { "\(operation): \(detail)" }
}
