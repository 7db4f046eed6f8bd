import Tensors

extension Module {
  /// The children in the order in which a forward pass first calls them, each with the shape of its output; those that it does
  /// not call come last, without one. Of a module without children the whole.
  ///
  /// - Parameter pass: the forward pass, of zeros say. What it comes to is not used but for its fault.
  /// - Throws: what was wrong with an input on the way, with the child where it was.
  public final func outputShapes(
    of pass: () throws -> Tensor
  ) throws -> [(name: String, module: Module, output: Shape?)] {
    let children = children.entries
    let watch = ChildWatch(Dictionary(children.map { (ObjectIdentifier($0.value), $0.key) }) { first, _ in first })
    let whole = try watch.run(pass)
    if let fault = watch.fault { throw fault }
    try whole.check()
    if children.isEmpty { return [("model", self, whole.shape)] }
    let called = Set(watch.rows.map { ObjectIdentifier($0.module) })
    let others = children.filter { !called.contains(ObjectIdentifier($0.value)) }
    return watch.rows.map { ($0.name, $0.module, $0.output) } + others.map { ($0.key, $0.value, nil) }
  }
}

/// Notes each child's first output.
private final class ChildWatch: LayerWatch, @unchecked Sendable {
  private(set) var rows: [(name: String, module: Module, output: Shape)] = []
  private(set) var fault: LayerError?
  private let names: [ObjectIdentifier: String]
  private var seen: Set<ObjectIdentifier> = []

  init(_ names: [ObjectIdentifier: String]) { self.names = names }

  override func leaves(_ layer: AnyObject, _ output: Tensor) {
    guard let layer = layer as? Module, let name = names[ObjectIdentifier(layer)] else { return }
    if fault == nil, let cause = output.fault { fault = LayerError(name: name, layer: layer, cause: cause) }
    if seen.insert(ObjectIdentifier(layer)).inserted { rows.append((name, layer, output.shape)) }
  }
}

/// What was wrong in a layer.
public struct LayerError: Error, CustomStringConvertible {
  public let description: String

  init(name: String, layer: Module, cause: any Error) { description = "layer \(name) (\(type(of: layer))): \(cause)" }
}
