import Networks
import Tensors
import Testing

@testable import TestSupport

@Suite("The shapes of a forward pass") struct OutputShapesTests {
  private final class Branched: Module {
    let wide = Linear(4, 8), narrow = Linear(8, 2), idle = Linear(3, 3)
    let blocks = [Sequential(Linear(8, 8), ReLU()), Sequential(Linear(8, 8))]
    override func forward(_ input: Tensor) -> Tensor {
      let hidden = wide(input)
      return narrow(blocks[0](hidden) + blocks[1](blocks[0](hidden)))
    }
  }

  @Test("Children come as they are first called, those of children not; what is not called comes last")
  func children() throws {
    let model = Branched()
    let rows = try model.outputShapes { model(.zeros([5, 4])) }
    #expect(rows.map(\.name) == ["wide", "blocks.0", "blocks.1", "narrow", "idle"])
    #expect(rows.map(\.output) == [[5, 8], [5, 8], [5, 8], [5, 2], nil])
    #expect(rows.map(\.module.parameterCount) == [40, 72, 72, 18, 12])
  }

  @Test("Recurrent layers, encoders and decoders are parts too; a module without children is one row")
  func sequences() throws {
    let language = LanguageModel(Recurrent(.lstm, 5, 3), vocabulary: 5)
    let rows = try language.outputShapes { language(.zeros([2, 4], .int64)) }
    #expect(rows.map(\.name) == ["rnn", "linear"])
    #expect(rows.map(\.output) == [[4, 2, 3], [8, 5]])
    let layer = Linear(2, 3)
    let alone = try layer.outputShapes { layer(.zeros([1, 2])) }
    #expect(alone.map(\.name) == ["model"] && alone.map(\.output) == [[1, 3]])
  }

  @Test("An input that does not fit is an error with the child's name")
  func wrongInput() {
    let model = Branched()
    #expect(
      message { _ = try model.outputShapes { model(.zeros([5, 3])) } }
        == "layer wide (Linear): linear: input of shape [5, 3] does not fit weights of shape [8, 4]")
  }
}
