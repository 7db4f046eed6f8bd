import Foundation
import HDF5Files
import Lockstep
import Testing
import Zoo

@testable import TestSupport

/// Networks as graphs of ONNX. That onnxruntime comes to Lockstep's numbers is `launch/check-onnx`'s business, which also takes the
/// layers and operators of these tests: they are left in the folder that `LOCKSTEP_ONNX_EXAMPLES` names.
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

  /// A vision Transformer of images as they are, in patches of 7.
  @Test func patchesOfSmallImages() throws {
    let entry = try #require(Zoo.model("vit"))
    var sizes = entry.sizes
    (sizes.side, sizes.patch, sizes.width, sizes.heads, sizes.hidden) = (28, 7, 16, 2, [32])
    #expect(entry.shape(of: sizes) == [1, 28, 28] && entry.shape(of: entry.sizes) == [1, 96, 96])
    let network = entry.make(sizes)
    #expect(network["pos_embedding"].shape == [1, 17, 16])
    let bytes = try ONNX.encode(network, named: "vit") { [sizes] in
      try entry.task.pass(of: network, entry, sizes, samples: $0)
    }
    let file = ONNXFile(bytes)
    #expect(file.inputs == ["input": ["batch", "1", "28", "28"]] && file.firstUnknown == nil)
  }

  private func encode(_ network: Module, _ extents: Int...) throws -> [UInt8] { try encode(network, of: extents) }

  private func encode(_ network: Module, of extents: [Int]) throws -> [UInt8] {
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

  private final class Expression: Module {
    let body: (Tensor) -> Tensor
    init(_ body: @escaping (Tensor) -> Tensor) { self.body = body }
    override func forward(_ input: Tensor) -> Tensor { body(input) }
  }

  private typealias Example = (extents: [Int], make: @Sendable () -> Module)
  private static let examples: [String: Example] = [
    "GroupNorm": ([4, 3, 3], { GroupNorm(2, 4) }),
    "RMSNorm": ([5, 6], { RMSNorm(6) }),
    "LayerNorm": ([5, 6], { LayerNorm(6) }),
    "Conv1D": ([3, 9], { Conv1D(3, 4, kernel: 3, stride: 2, padding: 1) }),
    "depthwise": ([4, 6, 6], { Conv2D(4, 8, kernel: 3, padding: 1, groups: 4) }),
    "dilated": ([2, 9, 9], { Conv2D(2, 3, kernel: 3, padding: 2, dilation: 2) }),
    "ConvTranspose2D": ([3, 4, 5], { ConvTranspose2D(3, 2, kernel: 3, stride: 2, padding: 1, outputPadding: 1) }),
    "ConvTranspose2D in groups": ([4, 4, 5], { ConvTranspose2D(4, 6, kernel: [2, 3], stride: [1, 3], groups: 2) }),
    "ConvTranspose2D with more behind": (
      [2, 3, 4], { ConvTranspose2D(2, 3, kernel: 3, padding: 1, outputPadding: 2, dilation: 3) }
    ),
    "MaxPool2D": ([2, 7, 6], { MaxPool2D(3, stride: 2, padding: 1, ceilMode: true) }),
    "AvgPool2D": ([2, 6, 6], { AvgPool2D(2, stride: 2, padding: 1, countsPadding: false) }),
    "AdaptiveAvgPool2D": ([2, 7, 5], { AdaptiveAvgPool2D([3, 2]) }),
    "AdaptiveMaxPool2D": ([2, 7, 5], { AdaptiveMaxPool2D([3, 2]) }),
    "activations": ([8], { Sequential(SiLU(), GELU(), GELU(approximate: true), Tanh(), ReLU(), Sigmoid()) }),
    "MultiHeadAttention": ([5, 8], { MultiHeadAttention(8, heads: 2) }),
    "embedding": ([4], { Sequential(Expression { ($0 * 6).floor().to(.int64) }, Embedding(7, 3)) }),
    "erf": ([6], { Expression { ($0 * 4 - 2).erf() } }),
    "pad": ([3, 4], { Expression { $0.padded([1, -1, 0, 2], .constant(0.5)) } }),
    "reflected": ([3, 4], { Expression { $0.padded([2, 1], .reflect) } }),
    "masked": ([5], { Expression { $0.maskedFill($0 > 0.5, -1) } }),
    "triangle": ([4, 4], { Expression { $0.tril() + $0.triu(1) * 2 } }),
    "variance": (
      [5, 3],
      {
        Expression {
          $0.variance(1, keepingAxes: true)
            + $0.standardDeviation([2], correction: 0, keepingAxes: true).sum(1, keepingAxes: true)
        }
      }
    ),
    "topk": ([7], { Expression { $0.topk(3).values * $0.topk(3, largest: false).values } }),
    "sort": ([4, 5], { Expression { $0.sorted(1, descending: true).values } }),
    "rounding": (
      [9],
      {
        Expression {
          let x = $0 * 6 - 3
          return x + x.floor() + 10 * (x + x.ceil()) + 100 * (x + x.round()) + 1000 * (x + x.trunc())
        }
      }
    ),
    "division": ([9], { Expression { ($0 * 8 - 4) % 1.5 + ($0 * 8 - 4).floorDivided(by: 1.5) } }),
    "integers": (
      [9],
      {
        Expression { $0 + ($0 * 16 - 8).floor().to(.int64).floorDivided(by: 3).to(.float32) }
      }
    ),
    "logic": ([9], { Expression { ((($0 > 0.2) & ($0 < 0.8)) | ~($0 .!= $0) ^ ($0 > 0.5)).to(.float32) + $0 } }),
    "finite": (
      [9],
      {
        Expression {
          let x = $0 / ($0 > 0.5).to(.float32)
          return $0 + x.isinf().to(.float32) + (x - x).isnan().to(.float32) + x.isfinite().to(.float32)
        }
      }
    ),
    "scatter": ([5], { Expression { $0.scattered($0.argsort(1), $0 * 2, axis: 1) } }),
    "flip and roll": ([4, 3], { Expression { $0.flipped([1]).rolled(1, axis: 2) } }),
    "cumulative sum": ([4, 3], { Expression { $0.cumulativeSum(1) } }),
    "einsum": ([4, 3], { Expression { .einsum("bij,bkj->bik", $0, $0) } }),
  ]

  /// Whatever networks are made of: values that are made before they are taken, for any number of samples.
  @Test(arguments: examples.keys.sorted()) func layersAndOperators(_ name: String) throws {
    let (extents, make) = try #require(Self.examples[name])
    let network = make()
    network.initializeAll(seed: 1)
    let bytes = try encode(network, of: extents)
    let file = ONNXFile(bytes)
    #expect(file.firstUnknown == nil && file.inputs["input"]?.first == "batch")
    #expect(file.outputs["output"]?.first == "batch")
    guard let folder = ProcessInfo.processInfo.environment["LOCKSTEP_ONNX_EXAMPLES"] else { return }
    try AtomicFile.write(bytes, to: "\(folder)/\(name).onnx")
    let input = Tensor.uniform(Shape([5] + extents), key: RandomKey(seed: 5, .synthesis))
    let example = try HDF5File.inMemory()
    try example.write(input.floats(), shape: input.shape.extents, to: "/inputs/input")
    let output = network.evaluate()(input).to(.float32)
    try example.write(output.floats(), shape: output.shape.extents, to: "/outputs/output")
    try AtomicFile.write(example.image(), to: "\(folder)/\(name).example.h5")
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
