import Failures
import HDF5Files
import Networks
import Tensors

/// Networks as ONNX has them, which other programs run: onnxruntime, OpenVINO, browsers.
///
/// A graph is what a forward pass does. It is run twice, over another number of samples and other random numbers, and each of its
/// operations written down: an extent that differs is the number of samples, which stays open, and a constant that differs
/// shows that something on its way was not written down, which is an error rather than a wrong graph.
public enum ONNX {
  /// A protocol buffer can't be longer.
  private static let mostBytes = 1 << 31 - 1
  /// The version of the operators.
  public static let operatorSet = ONNXGraph.operatorSet
  /// The samples of the two runs.
  static let batches = (2, 3)

  /// Writes a network's forward pass, in evaluation, to a file.
  ///
  /// - Parameters:
  ///   - network: whose weights the file holds.
  ///   - name: the graph's.
  ///   - path: the file, written whole or not at all.
  ///   - pass: the forward pass over so many samples, of other random numbers each time.
  /// - Throws: `ExportError` where an operation has no form in ONNX.
  public static func save(
    _ network: Module, named name: String, to path: String, pass: (_ samples: Int) throws -> ForwardPass
  ) throws {
    try AtomicFile.write(encode(network, named: name, pass: pass), to: path)
  }

  /// The bytes of such a file.
  public static func encode(
    _ network: Module, named name: String, pass: (_ samples: Int) throws -> ForwardPass
  ) throws -> [UInt8] {
    let (first, second) = try (run(network, pass(batches.0)), run(network, pass(batches.1)))
    var writer = try ONNXWriter(network, first, second)
    try writer.write()
    let bytes = writer.graph.model(named: name, [("model", name)])
    guard bytes.count <= mostBytes else {
      throw ExportError("\(name) has \(bytes.count) bytes, but a file of ONNX has \(mostBytes) at most")
    }
    return bytes
  }

  /// A forward pass with all that was written down of it.
  struct Run {
    let inputs: [(name: String, tensor: Tensor)]
    let output: (name: String, tensor: Tensor)
    let steps: [ForwardTrace.Step]
  }

  private static func run(_ network: Module, _ pass: ForwardPass) throws -> Run {
    let wasTraining = network.isTraining
    network.evaluate()
    // What has no gradient is not recorded, and so not told: frozen parameters and integers, too, want one for now.
    let leaves = network.namedParameters.map(\.tensor) + pass.inputs.map(\.tensor)
    let wanted = leaves.map(\.requiresGradient)
    for leaf in leaves { leaf.requiresGradient = true }
    defer {
      network.train(wasTraining)
      for (leaf, wanted) in zip(leaves, wanted) { leaf.requiresGradient = wanted }
    }
    let trace = ForwardTrace(of: network)
    let output = try trace.run(pass.run)
    try output.check()
    return Run(inputs: pass.inputs, output: (pass.output, output), steps: trace.leading(to: output))
  }
}

/// A model that can't be written in another format.
public struct ExportError: Failure {
  public let description: String
  init(_ description: String) { self.description = description }
  public var kind: FailureKind { .usage }
}
