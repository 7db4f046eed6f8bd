/// Goes along with a forward pass, and perhaps the backward pass after it, and is told of each layer that computes: a check of
/// its numbers, a summary of its shapes, a note of its time.
open class LayerWatch: @unchecked Sendable {
  @TaskLocal static var current: LayerWatch?

  /// A watch that takes no note of anything.
  public init() {}

  /// Runs `body` with all layers being watched.
  public final func run<Result>(_ body: () throws -> Result) rethrows -> Result {
    try Self.$current.withValue(self, operation: body)
  }

  /// A layer begins to compute, perhaps inside of another.
  open func enters(_ layer: AnyObject) {}
  /// The layer that was entered last has come to its output.
  open func leaves(_ layer: AnyObject, _ output: Tensor) {}

  /// A number for where the forward pass is now, by which this watch finds it again.
  open var place: Int { 0 }
  /// An operation came to a result that has a gradient; its number is that of the place unless this watch has another.
  ///
  /// - Parameters:
  ///   - result: what it came to.
  ///   - inputs: what it was computed of.
  ///   - function: the operation's, with the names of its parameters.
  open func records(_ result: Tensor, of inputs: [Tensor], _ function: StaticString) -> Int { place }

  /// Whether this watch looks at each result, or writes down what each operation is: all of them are then recorded, those too
  /// that `checkpointed` would not keep.
  open var looksIntoOperations: Bool { tracesOperations }
  /// Whether this watch writes down what each operation is.
  open var tracesOperations: Bool { false }
  /// An operation came to a result. Of several calls for one result the last one counts.
  ///
  /// - Parameters:
  ///   - result: what it came to.
  ///   - inputs: what it was computed of.
  ///   - operation: what it is; nil for one that has no name.
  ///   - function: the function that computed it.
  open func traces(_ result: Tensor, of inputs: [Tensor], _ operation: TracedOperation?, _ function: StaticString) {}

  /// What was put off or recorded under a number is computed now, a result that was owed or derivatives.
  open func resumes(_ place: Int) {}
  /// What was resumed last is done.
  open func pauses() {}
  /// Backward has come to the derivatives of an operation's inputs.
  open func derives(_ derivatives: [Tensor?], at place: Int) {}

  /// Computes a layer by `body`, as every module that is called does; `output` takes the tensor out of a result that is more.
  @inline(__always)
  public static func within<Result>(
    _ layer: AnyObject, output: (Result) -> Tensor, _ body: () -> Result
  ) -> Result {
    guard let watch = current else { return body() }
    watch.enters(layer)
    let result = body()
    watch.leaves(layer, output(result))
    return result
  }
}
