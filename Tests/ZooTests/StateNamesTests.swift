import Networks
import Testing
import Training
import Zoo

@testable import TestSupport

/// Checkpoints are read by name, in Python too: no name and no shape of any model may ever change.
@Suite struct StateNamesTests {
  /// A model's name behind `@`, the sizes of its data, then each tensor and its shape.
  struct Model: CustomTestStringConvertible {
    let name: String
    let sizes: ModelSizes
    let state: [String]
    var testDescription: String { name }

    init(_ text: Substring) {
      let words = text.split(whereSeparator: \.isWhitespace).map(String.init)
      var sizes = Zoo.model(words[0])?.sizes ?? ModelSizes()
      let settings = words.filter { $0.contains("=") }.map { $0.split(separator: "=") }
      for setting in settings {
        let value = Int(setting[1]) ?? 0
        switch setting[0] {
        case "features": sizes.features = value
        case "vocabulary": sizes.vocabulary = value
        case "layers": sizes.layers = value
        case "context": sizes.context = value
        case "width": sizes.width = value
        default: sizes.targetVocabulary = value
        }
      }
      (name, self.sizes, state) = (words[0], sizes, words.filter { $0.contains(":") })
    }
  }

  static let models = stateNames.split(separator: "@").map(Model.init)

  @Test func everyModelIsThere() { #expect(Self.models.map(\.name).sorted() == Zoo.models.map(\.name).sorted()) }

  @Test(arguments: models) func namesAndShapesStay(_ model: Model) throws {
    let network = try #require(Zoo.model(model.name)).make(model.sizes)
    try network.validate()
    let found = network.state.map { name, tensor in
      name + ":" + tensor.shape.extents.map(String.init).joined(separator: "x")
    }
    #expect(found.sorted() == model.state.sorted())
  }
}

/// As the first version wrote them; those behind vgg11 as the book's PyTorch code has them.
private let stateNames = """
  @alexnet 0.bias:96 0.weight:96x1x11x11 10.bias:256 10.weight:256x384x3x3 14.bias:4096 14.weight:4096x6400
  17.bias:4096 17.weight:4096x4096 20.bias:10 20.weight:10x4096 3.bias:256 3.weight:256x96x5x5 6.bias:384
  6.weight:384x256x3x3 8.bias:384 8.weight:384x384x3x3 @bidirectional-lstm vocabulary=13 linear.bias:13
  linear.weight:13x512 rnn.bias_hh_l0:1024 rnn.bias_hh_l0_reverse:1024 rnn.bias_hh_l1:1024
  rnn.bias_hh_l1_reverse:1024 rnn.bias_ih_l0:1024 rnn.bias_ih_l0_reverse:1024 rnn.bias_ih_l1:1024
  rnn.bias_ih_l1_reverse:1024 rnn.weight_hh_l0:1024x256 rnn.weight_hh_l0_reverse:1024x256
  rnn.weight_hh_l1:1024x256 rnn.weight_hh_l1_reverse:1024x256 rnn.weight_ih_l0:1024x13
  rnn.weight_ih_l0_reverse:1024x13 rnn.weight_ih_l1:1024x512 rnn.weight_ih_l1_reverse:1024x512 @deep-lstm
  vocabulary=13 linear.bias:13 linear.weight:13x256 rnn.bias_hh_l0:1024 rnn.bias_hh_l1:1024 rnn.bias_ih_l0:1024
  rnn.bias_ih_l1:1024 rnn.weight_hh_l0:1024x256 rnn.weight_hh_l1:1024x256 rnn.weight_ih_l0:1024x13
  rnn.weight_ih_l1:1024x256 @googlenet 0.0.bias:64 0.0.weight:64x1x7x7 1.0.bias:64 1.0.weight:64x64x1x1
  1.2.bias:192 1.2.weight:192x64x3x3 2.0.p1_1.bias:64 2.0.p1_1.weight:64x192x1x1 2.0.p2_1.bias:96
  2.0.p2_1.weight:96x192x1x1 2.0.p2_2.bias:128 2.0.p2_2.weight:128x96x3x3 2.0.p3_1.bias:16
  2.0.p3_1.weight:16x192x1x1 2.0.p3_2.bias:32 2.0.p3_2.weight:32x16x5x5 2.0.p4_2.bias:32
  2.0.p4_2.weight:32x192x1x1 2.1.p1_1.bias:128 2.1.p1_1.weight:128x256x1x1 2.1.p2_1.bias:128
  2.1.p2_1.weight:128x256x1x1 2.1.p2_2.bias:192 2.1.p2_2.weight:192x128x3x3 2.1.p3_1.bias:32
  2.1.p3_1.weight:32x256x1x1 2.1.p3_2.bias:96 2.1.p3_2.weight:96x32x5x5 2.1.p4_2.bias:64
  2.1.p4_2.weight:64x256x1x1 3.0.p1_1.bias:192 3.0.p1_1.weight:192x480x1x1 3.0.p2_1.bias:96
  3.0.p2_1.weight:96x480x1x1 3.0.p2_2.bias:208 3.0.p2_2.weight:208x96x3x3 3.0.p3_1.bias:16
  3.0.p3_1.weight:16x480x1x1 3.0.p3_2.bias:48 3.0.p3_2.weight:48x16x5x5 3.0.p4_2.bias:64
  3.0.p4_2.weight:64x480x1x1 3.1.p1_1.bias:160 3.1.p1_1.weight:160x512x1x1 3.1.p2_1.bias:112
  3.1.p2_1.weight:112x512x1x1 3.1.p2_2.bias:224 3.1.p2_2.weight:224x112x3x3 3.1.p3_1.bias:24
  3.1.p3_1.weight:24x512x1x1 3.1.p3_2.bias:64 3.1.p3_2.weight:64x24x5x5 3.1.p4_2.bias:64
  3.1.p4_2.weight:64x512x1x1 3.2.p1_1.bias:128 3.2.p1_1.weight:128x512x1x1 3.2.p2_1.bias:128
  3.2.p2_1.weight:128x512x1x1 3.2.p2_2.bias:256 3.2.p2_2.weight:256x128x3x3 3.2.p3_1.bias:24
  3.2.p3_1.weight:24x512x1x1 3.2.p3_2.bias:64 3.2.p3_2.weight:64x24x5x5 3.2.p4_2.bias:64
  3.2.p4_2.weight:64x512x1x1 3.3.p1_1.bias:112 3.3.p1_1.weight:112x512x1x1 3.3.p2_1.bias:144
  3.3.p2_1.weight:144x512x1x1 3.3.p2_2.bias:288 3.3.p2_2.weight:288x144x3x3 3.3.p3_1.bias:32
  3.3.p3_1.weight:32x512x1x1 3.3.p3_2.bias:64 3.3.p3_2.weight:64x32x5x5 3.3.p4_2.bias:64
  3.3.p4_2.weight:64x512x1x1 3.4.p1_1.bias:256 3.4.p1_1.weight:256x528x1x1 3.4.p2_1.bias:160
  3.4.p2_1.weight:160x528x1x1 3.4.p2_2.bias:320 3.4.p2_2.weight:320x160x3x3 3.4.p3_1.bias:32
  3.4.p3_1.weight:32x528x1x1 3.4.p3_2.bias:128 3.4.p3_2.weight:128x32x5x5 3.4.p4_2.bias:128
  3.4.p4_2.weight:128x528x1x1 4.0.p1_1.bias:256 4.0.p1_1.weight:256x832x1x1 4.0.p2_1.bias:160
  4.0.p2_1.weight:160x832x1x1 4.0.p2_2.bias:320 4.0.p2_2.weight:320x160x3x3 4.0.p3_1.bias:32
  4.0.p3_1.weight:32x832x1x1 4.0.p3_2.bias:128 4.0.p3_2.weight:128x32x5x5 4.0.p4_2.bias:128
  4.0.p4_2.weight:128x832x1x1 4.1.p1_1.bias:384 4.1.p1_1.weight:384x832x1x1 4.1.p2_1.bias:192
  4.1.p2_1.weight:192x832x1x1 4.1.p2_2.bias:384 4.1.p2_2.weight:384x192x3x3 4.1.p3_1.bias:48
  4.1.p3_1.weight:48x832x1x1 4.1.p3_2.bias:128 4.1.p3_2.weight:128x48x5x5 4.1.p4_2.bias:128
  4.1.p4_2.weight:128x832x1x1 5.bias:10 5.weight:10x1024 @gpt
  vocabulary=13 layers=1 context=9 width=8 transformer.h.0.attn.c_attn.weight:24x8
  transformer.h.0.attn.c_proj.weight:8x8 transformer.h.0.ln_1.weight:8 transformer.h.0.ln_2.weight:8
  transformer.h.0.mlp.c_fc.weight:32x8 transformer.h.0.mlp.c_proj.weight:8x32 transformer.ln_f.weight:8
  transformer.wpe.weight:9x8 transformer.wte.weight:13x8 @gru vocabulary=13 linear.bias:13 linear.weight:13x256
  rnn.bias_hh_l0:768 rnn.bias_ih_l0:768 rnn.weight_hh_l0:768x256 rnn.weight_ih_l0:768x13 @house-prices-mlp
  features=7 0.bias:30 0.weight:30x7 10.bias:1 10.weight:1x30 2.bias:30 2.weight:30x30 4.bias:30 4.weight:30x30
  6.bias:30 6.weight:30x30 8.bias:30 8.weight:30x30 @house-prices features=7 0.bias:1 0.weight:1x7 @lenet-bn
  0.bias:6 0.weight:6x1x5x5 1.bias:6 1.num_batches_tracked: 1.running_mean:6 1.running_var:6 1.weight:6
  10.bias:120 10.num_batches_tracked: 10.running_mean:120 10.running_var:120 10.weight:120 12.bias:84
  12.weight:84x120 13.bias:84 13.num_batches_tracked: 13.running_mean:84 13.running_var:84 13.weight:84 15.bias:10
  15.weight:10x84 4.bias:16 4.weight:16x6x5x5 5.bias:16 5.num_batches_tracked: 5.running_mean:16 5.running_var:16
  5.weight:16 9.bias:120 9.weight:120x256 @lenet 0.bias:6 0.weight:6x1x5x5 11.bias:10 11.weight:10x84 3.bias:16
  3.weight:16x6x5x5 7.bias:120 7.weight:120x400 9.bias:84 9.weight:84x120 @linear-regression features=2 0.bias:1
  0.weight:1x2 @lstm vocabulary=13 linear.bias:13 linear.weight:13x256 rnn.bias_hh_l0:1024 rnn.bias_ih_l0:1024
  rnn.weight_hh_l0:1024x256 rnn.weight_ih_l0:1024x13 @mlp-dropout 1.bias:256 1.weight:256x784 4.bias:256
  4.weight:256x256 7.bias:10 7.weight:10x256 @mlp 1.bias:256 1.weight:256x784 3.bias:10 3.weight:10x256 @nin
  0.0.bias:96 0.0.weight:96x1x11x11 0.2.bias:96 0.2.weight:96x96x1x1 0.4.bias:96 0.4.weight:96x96x1x1 2.0.bias:256
  2.0.weight:256x96x5x5 2.2.bias:256 2.2.weight:256x256x1x1 2.4.bias:256 2.4.weight:256x256x1x1 4.0.bias:384
  4.0.weight:384x256x3x3 4.2.bias:384 4.2.weight:384x384x1x1 4.4.bias:384 4.4.weight:384x384x1x1 7.0.bias:10
  7.0.weight:10x384x3x3 7.2.bias:10 7.2.weight:10x10x1x1 7.4.bias:10 7.4.weight:10x10x1x1 @resnet18 0.0.bias:64
  0.0.weight:64x1x7x7 0.1.bias:64 0.1.num_batches_tracked: 0.1.running_mean:64 0.1.running_var:64 0.1.weight:64
  1.0.bn1.bias:64 1.0.bn1.num_batches_tracked: 1.0.bn1.running_mean:64 1.0.bn1.running_var:64 1.0.bn1.weight:64
  1.0.bn2.bias:64 1.0.bn2.num_batches_tracked: 1.0.bn2.running_mean:64 1.0.bn2.running_var:64 1.0.bn2.weight:64
  1.0.conv1.bias:64 1.0.conv1.weight:64x64x3x3 1.0.conv2.bias:64 1.0.conv2.weight:64x64x3x3 1.1.bn1.bias:64
  1.1.bn1.num_batches_tracked: 1.1.bn1.running_mean:64 1.1.bn1.running_var:64 1.1.bn1.weight:64 1.1.bn2.bias:64
  1.1.bn2.num_batches_tracked: 1.1.bn2.running_mean:64 1.1.bn2.running_var:64 1.1.bn2.weight:64 1.1.conv1.bias:64
  1.1.conv1.weight:64x64x3x3 1.1.conv2.bias:64 1.1.conv2.weight:64x64x3x3 2.0.bn1.bias:128
  2.0.bn1.num_batches_tracked: 2.0.bn1.running_mean:128 2.0.bn1.running_var:128 2.0.bn1.weight:128
  2.0.bn2.bias:128 2.0.bn2.num_batches_tracked: 2.0.bn2.running_mean:128 2.0.bn2.running_var:128
  2.0.bn2.weight:128 2.0.conv1.bias:128 2.0.conv1.weight:128x64x3x3 2.0.conv2.bias:128
  2.0.conv2.weight:128x128x3x3 2.0.conv3.bias:128 2.0.conv3.weight:128x64x1x1 2.1.bn1.bias:128
  2.1.bn1.num_batches_tracked: 2.1.bn1.running_mean:128 2.1.bn1.running_var:128 2.1.bn1.weight:128
  2.1.bn2.bias:128 2.1.bn2.num_batches_tracked: 2.1.bn2.running_mean:128 2.1.bn2.running_var:128
  2.1.bn2.weight:128 2.1.conv1.bias:128 2.1.conv1.weight:128x128x3x3 2.1.conv2.bias:128
  2.1.conv2.weight:128x128x3x3 3.0.bn1.bias:256 3.0.bn1.num_batches_tracked: 3.0.bn1.running_mean:256
  3.0.bn1.running_var:256 3.0.bn1.weight:256 3.0.bn2.bias:256 3.0.bn2.num_batches_tracked:
  3.0.bn2.running_mean:256 3.0.bn2.running_var:256 3.0.bn2.weight:256 3.0.conv1.bias:256
  3.0.conv1.weight:256x128x3x3 3.0.conv2.bias:256 3.0.conv2.weight:256x256x3x3 3.0.conv3.bias:256
  3.0.conv3.weight:256x128x1x1 3.1.bn1.bias:256 3.1.bn1.num_batches_tracked: 3.1.bn1.running_mean:256
  3.1.bn1.running_var:256 3.1.bn1.weight:256 3.1.bn2.bias:256 3.1.bn2.num_batches_tracked:
  3.1.bn2.running_mean:256 3.1.bn2.running_var:256 3.1.bn2.weight:256 3.1.conv1.bias:256
  3.1.conv1.weight:256x256x3x3 3.1.conv2.bias:256 3.1.conv2.weight:256x256x3x3 4.0.bn1.bias:512
  4.0.bn1.num_batches_tracked: 4.0.bn1.running_mean:512 4.0.bn1.running_var:512 4.0.bn1.weight:512
  4.0.bn2.bias:512 4.0.bn2.num_batches_tracked: 4.0.bn2.running_mean:512 4.0.bn2.running_var:512
  4.0.bn2.weight:512 4.0.conv1.bias:512 4.0.conv1.weight:512x256x3x3 4.0.conv2.bias:512
  4.0.conv2.weight:512x512x3x3 4.0.conv3.bias:512 4.0.conv3.weight:512x256x1x1 4.1.bn1.bias:512
  4.1.bn1.num_batches_tracked: 4.1.bn1.running_mean:512 4.1.bn1.running_var:512 4.1.bn1.weight:512
  4.1.bn2.bias:512 4.1.bn2.num_batches_tracked: 4.1.bn2.running_mean:512 4.1.bn2.running_var:512
  4.1.bn2.weight:512 4.1.conv1.bias:512 4.1.conv1.weight:512x512x3x3 4.1.conv2.bias:512
  4.1.conv2.weight:512x512x3x3 7.bias:10 7.weight:10x512 @rnn vocabulary=13 linear.bias:13 linear.weight:13x256
  rnn.bias_hh_l0:256 rnn.bias_ih_l0:256 rnn.weight_hh_l0:256x256 rnn.weight_ih_l0:256x13 @seq2seq-attention
  vocabulary=25 targetVocabulary=25 decoder.attention.W_k.weight:32x32 decoder.attention.W_q.weight:32x32
  decoder.attention.w_v.weight:1x32 decoder.dense.bias:25 decoder.dense.weight:25x32
  decoder.embedding.weight:25x32 decoder.rnn.bias_hh_l0:96 decoder.rnn.bias_hh_l1:96 decoder.rnn.bias_ih_l0:96
  decoder.rnn.bias_ih_l1:96 decoder.rnn.weight_hh_l0:96x32 decoder.rnn.weight_hh_l1:96x32
  decoder.rnn.weight_ih_l0:96x64 decoder.rnn.weight_ih_l1:96x32 encoder.embedding.weight:25x32
  encoder.rnn.bias_hh_l0:96 encoder.rnn.bias_hh_l1:96 encoder.rnn.bias_ih_l0:96 encoder.rnn.bias_ih_l1:96
  encoder.rnn.weight_hh_l0:96x32 encoder.rnn.weight_hh_l1:96x32 encoder.rnn.weight_ih_l0:96x32
  encoder.rnn.weight_ih_l1:96x32 @seq2seq vocabulary=25 targetVocabulary=25 decoder.dense.bias:25
  decoder.dense.weight:25x32 decoder.embedding.weight:25x32 decoder.rnn.bias_hh_l0:96 decoder.rnn.bias_hh_l1:96
  decoder.rnn.bias_ih_l0:96 decoder.rnn.bias_ih_l1:96 decoder.rnn.weight_hh_l0:96x32
  decoder.rnn.weight_hh_l1:96x32 decoder.rnn.weight_ih_l0:96x64 decoder.rnn.weight_ih_l1:96x32
  encoder.embedding.weight:25x32 encoder.rnn.bias_hh_l0:96 encoder.rnn.bias_hh_l1:96 encoder.rnn.bias_ih_l0:96
  encoder.rnn.bias_ih_l1:96 encoder.rnn.weight_hh_l0:96x32 encoder.rnn.weight_hh_l1:96x32
  encoder.rnn.weight_ih_l0:96x32 encoder.rnn.weight_ih_l1:96x32 @sine-mlp features=4 0.bias:10 0.weight:10x4
  2.bias:1 2.weight:1x10 @softmax-regression 1.bias:10 1.weight:10x784 @vgg11 0.0.bias:16 0.0.weight:16x1x3x3
  1.0.bias:32 1.0.weight:32x16x3x3 12.bias:10 12.weight:10x4096 2.0.bias:64 2.0.weight:64x32x3x3 2.2.bias:64
  2.2.weight:64x64x3x3 3.0.bias:128 3.0.weight:128x64x3x3 3.2.bias:128 3.2.weight:128x128x3x3 4.0.bias:128
  4.0.weight:128x128x3x3 4.2.bias:128 4.2.weight:128x128x3x3 6.bias:4096 6.weight:4096x6272 9.bias:4096
  9.weight:4096x4096
  @densenet 0.0.bias:64 0.0.weight:64x1x7x7 0.1.bias:64 0.1.num_batches_tracked: 0.1.running_mean:64
  0.1.running_var:64 0.1.weight:64 1.net.0.0.bias:64 1.net.0.0.num_batches_tracked: 1.net.0.0.running_mean:64
  1.net.0.0.running_var:64 1.net.0.0.weight:64 1.net.0.2.bias:32 1.net.0.2.weight:32x64x3x3 1.net.1.0.bias:96
  1.net.1.0.num_batches_tracked: 1.net.1.0.running_mean:96 1.net.1.0.running_var:96 1.net.1.0.weight:96
  1.net.1.2.bias:32 1.net.1.2.weight:32x96x3x3 1.net.2.0.bias:128 1.net.2.0.num_batches_tracked:
  1.net.2.0.running_mean:128 1.net.2.0.running_var:128 1.net.2.0.weight:128 1.net.2.2.bias:32
  1.net.2.2.weight:32x128x3x3 1.net.3.0.bias:160 1.net.3.0.num_batches_tracked: 1.net.3.0.running_mean:160
  1.net.3.0.running_var:160 1.net.3.0.weight:160 1.net.3.2.bias:32 1.net.3.2.weight:32x160x3x3 12.bias:10
  12.weight:10x248 2.0.bias:192 2.0.num_batches_tracked: 2.0.running_mean:192 2.0.running_var:192 2.0.weight:192
  2.2.bias:96 2.2.weight:96x192x1x1 3.net.0.0.bias:96 3.net.0.0.num_batches_tracked: 3.net.0.0.running_mean:96
  3.net.0.0.running_var:96 3.net.0.0.weight:96 3.net.0.2.bias:32 3.net.0.2.weight:32x96x3x3 3.net.1.0.bias:128
  3.net.1.0.num_batches_tracked: 3.net.1.0.running_mean:128 3.net.1.0.running_var:128 3.net.1.0.weight:128
  3.net.1.2.bias:32 3.net.1.2.weight:32x128x3x3 3.net.2.0.bias:160 3.net.2.0.num_batches_tracked:
  3.net.2.0.running_mean:160 3.net.2.0.running_var:160 3.net.2.0.weight:160 3.net.2.2.bias:32
  3.net.2.2.weight:32x160x3x3 3.net.3.0.bias:192 3.net.3.0.num_batches_tracked: 3.net.3.0.running_mean:192
  3.net.3.0.running_var:192 3.net.3.0.weight:192 3.net.3.2.bias:32 3.net.3.2.weight:32x192x3x3 4.0.bias:224
  4.0.num_batches_tracked: 4.0.running_mean:224 4.0.running_var:224 4.0.weight:224 4.2.bias:112
  4.2.weight:112x224x1x1 5.net.0.0.bias:112 5.net.0.0.num_batches_tracked: 5.net.0.0.running_mean:112
  5.net.0.0.running_var:112 5.net.0.0.weight:112 5.net.0.2.bias:32 5.net.0.2.weight:32x112x3x3 5.net.1.0.bias:144
  5.net.1.0.num_batches_tracked: 5.net.1.0.running_mean:144 5.net.1.0.running_var:144 5.net.1.0.weight:144
  5.net.1.2.bias:32 5.net.1.2.weight:32x144x3x3 5.net.2.0.bias:176 5.net.2.0.num_batches_tracked:
  5.net.2.0.running_mean:176 5.net.2.0.running_var:176 5.net.2.0.weight:176 5.net.2.2.bias:32
  5.net.2.2.weight:32x176x3x3 5.net.3.0.bias:208 5.net.3.0.num_batches_tracked: 5.net.3.0.running_mean:208
  5.net.3.0.running_var:208 5.net.3.0.weight:208 5.net.3.2.bias:32 5.net.3.2.weight:32x208x3x3 6.0.bias:240
  6.0.num_batches_tracked: 6.0.running_mean:240 6.0.running_var:240 6.0.weight:240 6.2.bias:120
  6.2.weight:120x240x1x1 7.net.0.0.bias:120 7.net.0.0.num_batches_tracked: 7.net.0.0.running_mean:120
  7.net.0.0.running_var:120 7.net.0.0.weight:120 7.net.0.2.bias:32 7.net.0.2.weight:32x120x3x3 7.net.1.0.bias:152
  7.net.1.0.num_batches_tracked: 7.net.1.0.running_mean:152 7.net.1.0.running_var:152 7.net.1.0.weight:152
  7.net.1.2.bias:32 7.net.1.2.weight:32x152x3x3 7.net.2.0.bias:184 7.net.2.0.num_batches_tracked:
  7.net.2.0.running_mean:184 7.net.2.0.running_var:184 7.net.2.0.weight:184 7.net.2.2.bias:32
  7.net.2.2.weight:32x184x3x3 7.net.3.0.bias:216 7.net.3.0.num_batches_tracked: 7.net.3.0.running_mean:216
  7.net.3.0.running_var:216 7.net.3.0.weight:216 7.net.3.2.bias:32 7.net.3.2.weight:32x216x3x3 8.bias:248
  8.num_batches_tracked: 8.running_mean:248 8.running_var:248 8.weight:248 @transformer vocabulary=25
  targetVocabulary=25 width=32 decoder.blks.block0.addnorm1.ln.bias:32 decoder.blks.block0.addnorm1.ln.weight:32
  decoder.blks.block0.addnorm2.ln.bias:32 decoder.blks.block0.addnorm2.ln.weight:32
  decoder.blks.block0.addnorm3.ln.bias:32 decoder.blks.block0.addnorm3.ln.weight:32
  decoder.blks.block0.attention1.W_k.weight:32x32 decoder.blks.block0.attention1.W_o.weight:32x32
  decoder.blks.block0.attention1.W_q.weight:32x32 decoder.blks.block0.attention1.W_v.weight:32x32
  decoder.blks.block0.attention2.W_k.weight:32x32 decoder.blks.block0.attention2.W_o.weight:32x32
  decoder.blks.block0.attention2.W_q.weight:32x32 decoder.blks.block0.attention2.W_v.weight:32x32
  decoder.blks.block0.ffn.dense1.bias:64 decoder.blks.block0.ffn.dense1.weight:64x32
  decoder.blks.block0.ffn.dense2.bias:32 decoder.blks.block0.ffn.dense2.weight:32x64
  decoder.blks.block1.addnorm1.ln.bias:32 decoder.blks.block1.addnorm1.ln.weight:32
  decoder.blks.block1.addnorm2.ln.bias:32 decoder.blks.block1.addnorm2.ln.weight:32
  decoder.blks.block1.addnorm3.ln.bias:32 decoder.blks.block1.addnorm3.ln.weight:32
  decoder.blks.block1.attention1.W_k.weight:32x32 decoder.blks.block1.attention1.W_o.weight:32x32
  decoder.blks.block1.attention1.W_q.weight:32x32 decoder.blks.block1.attention1.W_v.weight:32x32
  decoder.blks.block1.attention2.W_k.weight:32x32 decoder.blks.block1.attention2.W_o.weight:32x32
  decoder.blks.block1.attention2.W_q.weight:32x32 decoder.blks.block1.attention2.W_v.weight:32x32
  decoder.blks.block1.ffn.dense1.bias:64 decoder.blks.block1.ffn.dense1.weight:64x32
  decoder.blks.block1.ffn.dense2.bias:32 decoder.blks.block1.ffn.dense2.weight:32x64 decoder.dense.bias:25
  decoder.dense.weight:25x32 decoder.embedding.weight:25x32 encoder.blks.block0.addnorm1.ln.bias:32
  encoder.blks.block0.addnorm1.ln.weight:32 encoder.blks.block0.addnorm2.ln.bias:32
  encoder.blks.block0.addnorm2.ln.weight:32 encoder.blks.block0.attention.W_k.weight:32x32
  encoder.blks.block0.attention.W_o.weight:32x32 encoder.blks.block0.attention.W_q.weight:32x32
  encoder.blks.block0.attention.W_v.weight:32x32 encoder.blks.block0.ffn.dense1.bias:64
  encoder.blks.block0.ffn.dense1.weight:64x32 encoder.blks.block0.ffn.dense2.bias:32
  encoder.blks.block0.ffn.dense2.weight:32x64 encoder.blks.block1.addnorm1.ln.bias:32
  encoder.blks.block1.addnorm1.ln.weight:32 encoder.blks.block1.addnorm2.ln.bias:32
  encoder.blks.block1.addnorm2.ln.weight:32 encoder.blks.block1.attention.W_k.weight:32x32
  encoder.blks.block1.attention.W_o.weight:32x32 encoder.blks.block1.attention.W_q.weight:32x32
  encoder.blks.block1.attention.W_v.weight:32x32 encoder.blks.block1.ffn.dense1.bias:64
  encoder.blks.block1.ffn.dense1.weight:64x32 encoder.blks.block1.ffn.dense2.bias:32
  encoder.blks.block1.ffn.dense2.weight:32x64 encoder.embedding.weight:25x32 @vit width=512
  blks.0.attention.W_k.weight:512x512 blks.0.attention.W_o.weight:512x512 blks.0.attention.W_q.weight:512x512
  blks.0.attention.W_v.weight:512x512 blks.0.ln1.bias:512 blks.0.ln1.weight:512 blks.0.ln2.bias:512
  blks.0.ln2.weight:512 blks.0.mlp.dense1.bias:2048 blks.0.mlp.dense1.weight:2048x512 blks.0.mlp.dense2.bias:512
  blks.0.mlp.dense2.weight:512x2048 blks.1.attention.W_k.weight:512x512 blks.1.attention.W_o.weight:512x512
  blks.1.attention.W_q.weight:512x512 blks.1.attention.W_v.weight:512x512 blks.1.ln1.bias:512
  blks.1.ln1.weight:512 blks.1.ln2.bias:512 blks.1.ln2.weight:512 blks.1.mlp.dense1.bias:2048
  blks.1.mlp.dense1.weight:2048x512 blks.1.mlp.dense2.bias:512 blks.1.mlp.dense2.weight:512x2048 cls_token:1x1x512
  head.0.bias:512 head.0.weight:512 head.1.bias:10 head.1.weight:10x512 patch_embedding.conv.bias:512
  patch_embedding.conv.weight:512x1x16x16 pos_embedding:1x37x512
  """
