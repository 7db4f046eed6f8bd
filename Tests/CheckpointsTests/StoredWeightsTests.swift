import Lockstep
import Testing

@testable import Checkpoints
@testable import TestSupport

/// Which tensors of a file become a network's, and under which names.
@Suite struct StoredWeightsTests {
  @Test func hdf5OfAnyArrangement() throws {
    let weights = try StoredWeights.open(fixture("nested.h5"))
    #expect(weights.entries.map(\.name) == ["0.bias", "0.weight", "2.bias", "2.weight"].map { "network.layers.\($0)" })
    let network = perceptron()
    #expect(WeightFit(weights, network).taken.isEmpty)
    #expect(WeightFit(weights, network).misfits?.hasSuffix("try --map 'network.layers.*=*'") == true)
    let fit = try WeightFit(weights.renamed(by: NameMap(["network.layers.*=*"])), network)
    #expect(fit.misfits == nil && fit.taken.count == 4)
    try fit.apply()
    #expect(try network(Tensor([[Float(1), 1, 1]])).floats() == [2 * 3.5 - 3 * 11.5 + 1])
  }

  @Test func checkpointsOfOnesOwn() throws {
    let folder = try TemporaryFolder()
    try CheckpointFile.save(oddCheckpoint(), to: folder.file("c.h5"))
    let weights = try StoredWeights.open(folder.file("c.h5"))
    #expect(weights.entries.map(\.name) == ["0.weight", "1.1.running_mean", "2.0.p1_1.weight", "scalar"])
    #expect(weights.checkpoint?.configuration == "{\"model\":\"häuser\"}")
    try CheckpointFolder(folder.path).save(oddCheckpoint(isFinite: true))
    #expect(try StoredWeights.open(folder.path).path.hasSuffix("checkpoint-00000012.h5"))
  }

  @Test func namesBecomeOthers() throws {
    let map = try NameMap(["encoder.*.w=features.*.weight,teacher.*=", "old=new", "*.gamma.*=*.weight.*"])
    let pairs: KeyValuePairs<String, String?> = [
      "encoder.0.w": "features.0.weight", "encoder.0.b": "encoder.0.b", "teacher.0.w": nil, "old": "new",
      "old.x": "old.x",
      "a.gamma.b": "a.weight.b", "a.b.gamma.c.d": "a.b.weight.c.d",
    ]
    for (old, new) in pairs { #expect(map.name(of: old) == new, "\(old)") }
    for text in ["old", "=new", "a*=b", "a=b*", "a=b=c"] {
      let error = #expect(throws: NameMapError.self, "\(text)") { try NameMap([text]) }
      #expect(error?.kind == .usage)
    }
  }

  @Test func mapsThatFitNothing() throws {
    let weights = StoredWeights("w", [entry("a.weight", [1]), entry("b.weight", [1])])
    let idle = #expect(throws: NameMapError.self) { try weights.renamed(by: NameMap(["c.*=a.*"])) }
    #expect(idle?.description == "map 'c.*=a.*' fits no tensor of w, which has a.weight, b.weight")
    let same = #expect(throws: CheckpointError.self) { try weights.renamed(by: NameMap(["b.weight=a.weight"])) }
    #expect(same?.kind == .usage && same?.description.contains("a.weight to several") == true)
  }

  @Test func misfitsAreListed() throws {
    let weights = StoredWeights(
      "w", [entry("0.weight", [2, 3]), entry("0.bias", [3]), entry("2.weight", [1, 2]), entry("extra\n", [1])])
    let misfits = WeightFit(weights, perceptron()).misfits
    #expect(
      misfits
        == "the model lacks \"extra\\n [1]\"; the file lacks 2.bias [1]; of another shape: 0.bias is [3], but the model's is [2]"
    )
  }

  @Test func whatIsNotFiniteChangesNothing() throws {
    let network = perceptron()
    let before = try Checkpoint.digest(network.state)
    let weights = StoredWeights("w", [entry("0.weight", [2, 3]), entry("0.bias", [2], .nan)])
    let error = #expect(throws: CheckpointError.self) { try WeightFit(weights, network).apply() }
    #expect(error?.description == "w: 0.bias is not finite (nan at element 0)")
    let nothing = #expect(throws: CheckpointError.self) { try WeightFit(StoredWeights("w", []), network).apply() }
    #expect(nothing?.description.hasPrefix("w: nothing in it fits the model") == true)
    #expect(try Checkpoint.digest(network.state) == before)
  }

  /// What is shared has several names, and a file may have it under any of them, or all.
  @Test func sharedParameters() throws {
    final class Tied: Module {
      let first = Linear(2, 2, bias: false)
      let second: Linear
      override init() {
        second = first
        super.init()
      }
    }
    for names in [["first.weight"], ["second.weight"], ["first.weight", "second.weight"]] {
      let network = Tied()
      let fit = WeightFit(StoredWeights("w", names.map { entry($0, [2, 2], 7) }), network)
      #expect(fit.misfits == nil, "\(names)")
      try fit.apply()
      #expect(try network.second.weight.floats() == [7, 7, 7, 7])
    }
  }

  @Test func textsOfStrangersFitALine() {
    #expect(["a", "b\nc", "d"].listed(atMost: 2) == "a, \"b\\nc\", … (3 in all)")
    #expect(String(repeating: "x", count: 500).inOneLine.count == 121)
  }

  private func entry(_ name: String, _ shape: Shape, _ value: Double = 1) -> StoredWeights.Entry {
    StoredWeights.Entry(name: name, shape: shape, type: "float32") { .full(shape, value) }
  }
}
