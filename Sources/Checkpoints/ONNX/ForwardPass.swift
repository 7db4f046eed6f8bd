import Networks
import Tensors

/// A forward pass that can be written down: what goes in, by name, and how the answer is computed of it.
public struct ForwardPass {
  /// Their first axis is that of the samples.
  public let inputs: [(name: String, tensor: Tensor)]
  /// What the answer is called.
  public let output: String
  /// Computes the answer.
  public let run: () throws -> Tensor

  /// - Parameters:
  ///   - inputs: by name, random numbers: what does not change with them is taken for a constant.
  ///   - output: the name of the answer.
  ///   - run: computes it of these inputs.
  public init(_ inputs: [(name: String, tensor: Tensor)], to output: String, run: @escaping () throws -> Tensor) {
    (self.inputs, self.output, self.run) = (inputs, output, run)
  }
}

/// Writes down what a forward pass computes, operation by operation, with the layer that each belongs to.
final class ForwardTrace: LayerWatch, @unchecked Sendable {
  /// An operation, of tensors to a tensor.
  struct Step {
    let result: Tensor
    let inputs: [Tensor]
    /// nil where nobody said what it is.
    let operation: TracedOperation?
    let function: String
    /// The dotted name of the innermost layer with a name.
    let layer: String
  }

  private var steps: [Step] = []
  private var places: [ObjectIdentifier: Int] = [:]
  private var layers: [String] = []
  private let names: [ObjectIdentifier: String]

  init(of network: Module) {
    names = Dictionary(network.namedModules().map { (ObjectIdentifier($0.module), $0.name) }) { first, _ in first }
  }

  override var tracesOperations: Bool { true }

  override func enters(_ layer: AnyObject) { layers.append(names[ObjectIdentifier(layer)] ?? layers.last ?? "") }
  override func leaves(_ layer: AnyObject, _ output: Tensor) { layers.removeLast() }

  override func traces(
    _ result: Tensor, of inputs: [Tensor], _ operation: TracedOperation?, _ function: StaticString
  ) {
    places[ObjectIdentifier(result)] = steps.count
    steps.append(
      Step(
        result: result, inputs: inputs, operation: operation, function: String("\(function)".prefix { $0 != "(" }),
        layer: layers.last ?? ""))
  }

  /// The operations that lead to a result, in their order.
  func leading(to output: Tensor) -> [Step] {
    var (needed, pending): (Set<Int>, [Tensor]) = ([], [output])
    while let tensor = pending.popLast() {
      guard let place = places[ObjectIdentifier(tensor)], needed.insert(place).inserted else { continue }
      pending += steps[place].inputs
    }
    return needed.sorted().map { steps[$0] }
  }
}
