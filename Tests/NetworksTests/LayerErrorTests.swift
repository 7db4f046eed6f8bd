import Networks
import Tensors
import Testing

@testable import TestSupport

@Suite("Every mistake with layers and losses is an error of one line that names what is at fault")
struct LayerErrorTests {
  static let mistakes: [Mistake] = [
    .init("squared error", "[2, 3]", "[3, 2]") { meanSquaredError(ones(2, 3), ones(3, 2)) },
    .init("absolute error", "mean absolute error", "[2]", "[3]") { meanAbsoluteError(ones(2), ones(3)) },
    .init("Huber's delta", "Huber loss", "delta -1") { huberLoss(ones(2), ones(2), delta: -1) },
    .init("divergence", "KL divergence", "[2]", "[3]") { klDivergence(ones(2), ones(3)) },
    .init("labels of another shape", "cross-entropy", "[2, 3]", "[3]") {
      crossEntropy(ones(2, 3), Tensor.zeros([3], .int64))
    },
    .init("labels that are floats", "cross-entropy", "float32") { crossEntropy(ones(2, 3), ones(2)) },
    .init("probabilities of another shape", "cross-entropy", "[2, 4]") { crossEntropy(ones(2, 3), ones(2, 4)) },
    .init("weights of other classes", "cross-entropy", "[2]", "3 classes") {
      crossEntropy(ones(2, 3), Tensor.zeros([2], .int64), weights: ones(2))
    },
    .init("smoothing past 1", "label smoothing 1.5") {
      crossEntropy(ones(2, 3), Tensor.zeros([2], .int64), labelSmoothing: 1.5)
    },
    .init("likelihood of a label past the classes", "index 3", "[2, 3]") {
      negativeLogLikelihood(ones(2, 3), Tensor([0, 3]))
    },
    .init("probabilities past 1", "binary cross-entropy", "2.0") { binaryCrossEntropy(ones(2) * 2, ones(2)) },
    .init("probabilities that are NaN", "binary cross-entropy", "nan") {
      binaryCrossEntropy(ones(2) * Double.nan, ones(2))
    },
    .init("targets of another shape", "binary cross-entropy", "[3]") { binaryCrossEntropyWithLogits(ones(2), ones(3)) },
    .init("transposed layer's groups", "transposed convolution", "0 groups") {
      ConvTranspose2D(1, 1, kernel: 3, groups: 0)(ones(1, 1, 5, 5))
    },
    .init("a sequence's convolution", "convolution", "[1, 1, 5, 5]") { Conv1D(1, 1, kernel: 3)(ones(1, 1, 5, 5)) },
    .init("a layer of absurd size", "can't make one of shape") { Linear(.max, .max)(ones(2, 3)) },
    .init("a layer of negative size", "[5, -1]") { Linear(-1, 5)(ones(2, 3)) },
    .init("a convolution of three extents", "convolution") { Conv2D(1, 1, kernel: [3, 3, 3])(ones(1, 1, 5, 5)) },
    .init("a convolution of no groups", "convolution") { Conv2D(1, 1, kernel: 3, groups: 0)(ones(1, 1, 5, 5)) },
    .init("a module without forward", "override forward") { Module()(ones(2)) },
  ]

  @Test("Layers and losses", arguments: mistakes) func layers(_ mistake: Mistake) { mistake.check() }
}

@Suite("Empty batches go through every layer")
struct EmptyBatchTests {
  @Test("A network with convolution, pooling, linear layers and loss: gradients of zero, not of garbage")
  func network() throws {
    let network = Sequential(
      Conv2D(1, 3, kernel: 3, padding: 1), ReLU(), MaxPool2D(2), Conv2D(3, 4, kernel: 1), Sigmoid(), AvgPool2D(2),
      Flatten(), Dropout(0.5), Linear(16, 5), Tanh(), Linear(5, 2))
    let input = Tensor.zeros([0, 1, 8, 8]).requiringGradient()
    let logits = network(input)
    #expect(logits.shape == [0, 2])
    let loss = crossEntropy(logits, Tensor.zeros([0], .int64), reduction: .sum)
    #expect(try loss.item() == 0)
    try loss.backward()
    #expect(input.gradient?.shape == [0, 1, 8, 8])
    for entry in network.namedParameters {
      let gradient = try #require(entry.tensor.gradient).floats()
      #expect(gradient == [Float](repeating: 0, count: gradient.count), "\(entry.name)")
    }
  }
}
