/// Goes along with a forward pass and is told of each layer that computes: a check of its numbers, a summary of its shapes.
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
