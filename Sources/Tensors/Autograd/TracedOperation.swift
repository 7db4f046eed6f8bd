/// What an operation is to somebody who writes a forward pass down, as the export to ONNX does: the name and settings of ONNX's
/// operator, where that has one, and else a name that the export knows.
public struct TracedOperation: Sendable, Equatable {
  /// A setting that is no tensor.
  public enum Setting: Sendable, Equatable {
    /// A whole number, or a truth as 0 or 1.
    case int(Int)
    /// Of each axis, or a list of axes.
    case ints([Int])
    /// A number.
    case float(Double)
    /// A choice.
    case text(String)
  }

  /// As ONNX spells it.
  public let name: String
  /// By ONNX's names, those too that are tensors there.
  public let settings: [String: Setting]

  /// An operator and its settings.
  public init(_ name: String, _ settings: [String: Setting] = [:]) { (self.name, self.settings) = (name, settings) }
}

extension TracedOperation.Setting: ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral, ExpressibleByFloatLiteral {
  public init(integerLiteral value: Int) { self = .int(value) }
  public init(arrayLiteral values: Int...) { self = .ints(values) }
  public init(floatLiteral value: Double) { self = .float(value) }
}

extension Tensor {
  /// This tensor as the result of an operation that has no gradient, or is more than the one that was recorded last: told to
  /// whoever writes the forward pass down.
  final func traced(
    _ inputs: @autoclosure () -> [Tensor], as operation: @autoclosure () -> TracedOperation,
    function: StaticString = #function
  ) -> Tensor {
    if let watch = LayerWatch.current, watch.tracesOperations {
      watch.traces(self, of: inputs(), operation(), function)
    }
    return self
  }
}
