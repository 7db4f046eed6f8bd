import Networks
import Tensors
import Testing

@testable import TestSupport

@Suite("Layers of convolution and pooling: shapes and names as in PyTorch's state_dict, and what they compute")
struct ConvolutionLayerTests {
  @Test("Transposed and one-dimensional convolutions")
  func convolutions() throws {
    let transposed = ConvTranspose2D(
      4, 6, kernel: [3, 2], stride: 2, padding: [1, 0], outputPadding: 1, groups: 2, dilation: 1)
    #expect(transposed.namedParameters.map(\.name) == ["weight", "bias"])
    #expect(transposed.weight.shape == [4, 3, 3, 2] && transposed.bias?.shape == [6])
    let image = Tensor.normal([2, 4, 5, 3], key: RandomKey(seed: 1))
    let wanted = image.transposeConvolved(
      transposed.weight, bias: transposed.bias, stride: [2, 2], padding: [1, 0], outputPadding: [1, 1], groups: 2)
    #expect(try transposed(image).floats() == wanted.floats() && wanted.shape == [2, 6, 10, 7])
    // PyTorch's bounds, 1 / √(inputs of a unit), where a transposed layer counts its outputs.
    let bound = Float(1 / (3.0 * 6).squareRoot())
    for tensor in [transposed.weight, transposed.bias ?? .empty] {
      let values = try tensor.floats()
      #expect(values.allSatisfy { abs($0) <= bound } && values.contains { abs($0) > bound / 3 })
    }
    let sequence = Conv1D(4, 8, kernel: 3, stride: 2, padding: 1, groups: 4, bias: false)
    #expect(sequence.weight.shape == [8, 1, 3] && sequence.bias == nil)
    #expect(sequence(Tensor.ones([2, 4, 9])).shape == [2, 8, 5])
  }

  @Test("Pooling")
  func pooling() throws {
    let image = Tensor.normal([2, 3, 5, 7], key: RandomKey(seed: 2))
    let sequence = image.reshaped([2, 3, 35])
    #expect(MaxPool2D(2, ceilMode: true)(image).shape == [2, 3, 3, 4] && MaxPool2D(2)(image).shape == [2, 3, 2, 3])
    #expect(AvgPool2D(2, ceilMode: true)(image).shape == [2, 3, 3, 4])
    #expect(MaxPool1D(4, stride: 3)(sequence).shape == [2, 3, 11] && AvgPool1D(2)(sequence).shape == [2, 3, 17])
    let largest = try AdaptiveMaxPool2D(1)(image).floats()
    #expect(try largest == image.max([2, 3]).floats())
  }

  @Test("A seed begins the first values of layers anew")
  func seeds() throws {
    func values() throws -> [Float] { try Linear(3, 2).weight.floats() + Conv1D(1, 1, kernel: 2).weight.floats() }
    Tensor.manualSeed(3)
    let first = try values()
    #expect(try values() != first)
    Tensor.manualSeed(3)
    #expect(try values() == first)
    Tensor.manualSeed(4)
    #expect(try values() != first)
  }
}
