import Lockstep
import Testing
import Zoo

@testable import TestSupport

/// Networks as graphs of ONNX. That onnxruntime comes to Lockstep's logits is `launch/check-onnx`'s business.
@Suite struct ONNXTests {
  private static func encode(_ name: String) throws -> [UInt8] {
    let entry = try #require(Zoo.model(name))
    let network = entry.make(entry.sizes)
    network.initializeAll(seed: 1)
    return try ONNX.encode(network, named: name) {
      try entry.task.pass(of: network, entry, entry.sizes, samples: $0)
    }
  }

  @Test func lenet() throws {
    let file = ONNXFile(try Self.encode("lenet"))
    #expect(file.irVersion == 8 && file.operatorSet == 17)
    #expect(
      file.nodes.map(\.type) == [
        "Conv", "Sigmoid", "AveragePool", "Conv", "Sigmoid", "AveragePool", "Reshape", "Gemm", "Sigmoid", "Gemm",
        "Sigmoid",
        "Gemm", "Identity",
      ])
    #expect(file.nodes[0].name == "0.Conv" && file.nodes[0].inputs == ["input", "0.weight", "0.bias"])
    #expect(file.inputs == ["input": ["batch", "1", "28", "28"]] && file.outputs == ["logits": ["batch", "10"]])
    #expect(file.initializers["0.weight"] == [6, 1, 5, 5] && file.initializers["11.bias"] == [10])
    #expect(file.firstUnknown == nil)
  }

  @Test(arguments: Zoo.models.filter { $0.inputShape.reduce(1, *) < 1000 }.map(\.name))
  func everySmallModel(_ name: String) throws {
    let entry = try #require(Zoo.model(name))
    let file = ONNXFile(try Self.encode(name))
    #expect(file.firstUnknown == nil)
    #expect(file.nodes.allSatisfy { !$0.type.contains("Grad") })
    #expect(file.inputs.values.allSatisfy { $0.first == "batch" })
    #expect(file.outputs.count == 1 && file.outputs.values.allSatisfy { $0.contains { $0.hasSuffix("batch") } })
    // All that the network has learnt is in it, under its own name or, of recurrent layers, in another arrangement.
    let held = file.initializers.values.reduce(0) { $0 + $1.reduce(1, *) }
    #expect(held >= entry.make(entry.sizes).parameterCount)
  }

  private func encode(_ network: Module, _ extents: Int...) throws -> [UInt8] {
    try ONNX.encode(network, named: "own") { samples in
      let input = Tensor.uniform(Shape([samples] + extents), key: RandomKey(seed: UInt64(samples), .synthesis))
      return ForwardPass([("input", input)], to: "output") { network(input) }
    }
  }

  /// Whatever a model of one's own computes, be it in no layer.
  @Test func expressions() throws {
    final class Own: Module {
      let scale = Tensor.parameter([3])
      override func forward(_ input: Tensor) -> Tensor {
        let first = (input * scale + 1).exp().sum(1, keepingAxes: true)
        let zeros = Tensor.zeros([input.shape[0], 2])
        let joined = Tensor.concatenate([first.log().clamped(-1, .infinity), zeros, input[.all, 1..<3]], axis: 1)
        return joined.chosen(where: joined > 0.5, else: -joined).transposed()[-1].softmax()
      }
    }
    let file = ONNXFile(try encode(Own(), 3))
    #expect(file.firstUnknown == nil)
    #expect(
      file.nodes.map(\.type) == [
        "Mul", "Add", "Exp", "ReduceSum", "Log", "Clip", "Slice", "Shape", "Gather", "Concat", "Expand", "Concat",
        "Greater", "Mul", "Where", "Transpose", "Slice", "Squeeze", "Softmax", "Identity",
      ])
    #expect(file.outputs == ["output": ["batch"]])
  }

  /// What can't be written down is refused, rather than frozen as it was.
  @Test func whatWasNotRecorded() throws {
    final class Cut: Module {
      let weight = Tensor.parameter([2])
      override func forward(_ input: Tensor) -> Tensor { input.detached() + weight }
    }
    final class Distance: Module {
      let layer = Linear(2, 2)
      override func forward(_ input: Tensor) -> Tensor { layer(input).squaredErrorSum(.zeros(input.shape)) }
    }
    let cut = #expect(throws: ExportError.self) { try encode(Cut(), 2) }
    #expect(cut?.description.contains("changes with the input") == true && cut?.kind == .usage)
    let distance = #expect(throws: ExportError.self) { try encode(Distance(), 2) }
    #expect(distance?.description == "squaredErrorSum has no form in ONNX that Lockstep knows")
  }

  /// Exporting changes nothing: neither what is frozen nor whether it is being trained.
  @Test func networksStayAsTheyAre() throws {
    let network = Sequential(Linear(3, 4), BatchNorm1D(4), Dropout(0.5), Linear(4, 2))
    network.freeze { $0.hasPrefix("0.") }
    let before = try Checkpoint.digest(network.state)
    let file = ONNXFile(try encode(network, 3))
    #expect(file.nodes.map(\.type) == ["Gemm", "BatchNormalization", "Gemm", "Identity"])
    #expect(try Checkpoint.digest(network.state) == before)
    #expect(network.isTraining && network["0.weight"].requiresGradient == false && network["3.weight"].requiresGradient)
  }
}
