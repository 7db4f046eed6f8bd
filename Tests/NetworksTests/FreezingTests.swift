import Networks
import Tensors
import Testing

@testable import TestSupport

/// What becomes of frozen layers, and which layer is a network's head.
@Suite struct FreezingTests {
  private func network() -> Sequential {
    Sequential(Linear(3, 4), BatchNorm1D(4), ReLU(), Linear(4, 2))
  }

  @Test func frozenParametersHaveNoGradient() throws {
    let network = network()
    #expect(
      network.freeze { $0.hasPrefix("0.") || $0.hasPrefix("1.") } == ["0.weight", "0.bias", "1.weight", "1.bias"])
    try network(.ones([5, 3])).sum().backward()
    for (name, tensor) in network.namedParameters {
      #expect((tensor.gradient == nil) == !name.hasPrefix("3."), "\(name)")
    }
    #expect(network.freeze { _ in false }.isEmpty)
  }

  /// Unlike a layer that is only left out of the training, a frozen one computes as in evaluation.
  @Test func frozenStatisticsStay() throws {
    let network = network()
    let norm = try #require(network[1] as? BatchNorm1D)
    network.freeze { $0.hasPrefix("1.") }
    network.train()
    #expect(network.isTraining && !norm.isTraining && network.statisticians.isEmpty)
    _ = try network(.uniform([5, 3], key: RandomKey(seed: 1, .synthesis))).floats()
    #expect(try norm.runningMean.floats() == [0, 0, 0, 0])
    #expect(try norm.batchesTracked.floats() == [0])
    // Only its bias is frozen: it is trained, and so it keeps on collecting.
    let other = self.network()
    other.freeze { $0 == "1.bias" }
    other.train()
    #expect(other.statisticians.count == 1)
    _ = try other(.uniform([5, 3], key: RandomKey(seed: 1, .synthesis))).floats()
    #expect(try other["1.num_batches_tracked"].floats() == [1])
  }

  @Test func heads() {
    #expect(lastLayer(of: network())?.name == "3")
    // A block of layers is a head as a whole.
    let block = Sequential(Linear(1, 1), Sequential(Linear(1, 2), ReLU(), Linear(2, 2)), Flatten())
    #expect(lastLayer(of: block)?.name == "1")
    #expect(lastLayer(of: Sequential(Flatten())) == nil)
    #expect(lastLayer(of: Linear(1, 1))?.name == "")
    let model = LanguageModel(Recurrent(.gru, 3, 4), vocabulary: 3)
    #expect(lastLayer(of: model)?.name == "linear")
    let attention = AttentionDecoder(vocabulary: 3, width: 2, hidden: 2, layers: 1)
    let pair = EncoderDecoder(Seq2SeqEncoder(vocabulary: 3, width: 2, hidden: 2, layers: 1), attention)
    #expect(lastLayer(of: pair)?.name == "decoder.dense")
  }
}
