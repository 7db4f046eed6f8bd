import Datasets
import Lockstep
import Testing

@testable import TestSupport
@testable import Training

/// Trainings on images that change at random: the same pictures and the same bits on any number of ranks.
@Suite(.timeLimit(.minutes(5))) struct AugmentedTrainingTests {
  private static let augmentation = Augmentation(
    cropPadding: 1, flips: true, rotation: 10, jitter: 0.2, cutout: 2, mixup: 0.4)

  private func train(_ communicator: Communicator, audit: Int? = nil, mixup: Bool = true) throws -> String {
    var configuration = smallConfiguration(learningRate: 0.05)
    (configuration.reproducible, configuration.virtualShards, configuration.audit) = (true, 4, audit)
    let trainer = try Trainer(drawing: smallNetwork(), Classification(), configuration, on: communicator)
    let images = try ImageDataset(smallImages(50), ImageTransform(augmentation: Self.augmentation, seed: 7))
    try trainer.fit(mixup ? Mixed(images, alpha: Self.augmentation.mixup, seed: 7) : images)
    return try digest(trainer.model)
  }

  @Test func sameBitsOnAnyRanks() throws {
    let alone = try train(.alone)
    for ranks in 2...4 { #expect(Set(try simulated(ranks) { try train($0) }) == [alone], "\(ranks)") }
    #expect(try train(.alone, mixup: false) != alone)
  }

  /// Another rank's blends are computed again as they were.
  @Test func auditsKnowBlends() throws {
    let alone = try train(.alone)
    #expect(Set(try simulated(2) { try train($0, audit: 1) }) == [alone])
  }

  /// The loss of a blend is the cross-entropy of soft labels.
  @Test func theLossOfABlend() throws {
    let logits = Tensor([[1, 2, 0.5], [0, -1, 3]] as [[Float]]).requiringGradient()
    var batch = Batch(inputs: .zeros([2, 1]), targets: Tensor([0, 2] as [Int64]), samples: [0, 1])
    batch.mixture = Mixture(targets: Tensor([1, 2] as [Int64]), shares: Tensor([0.25, 0.7] as [Float]))
    let (sum, totals) = try Classification().loss(of: logits, on: batch)
    let soft = Tensor([[0.25, 0.75, 0], [0, 0, 1]] as [[Float]])
    let wanted = -(logits.logSoftmax(1) * soft).sum()
    #expect(abs(try sum.item() - wanted.item()) < 1e-5)
    #expect(totals[.hits] == 1 && totals.weight == 2)
    try sum.backward()
    let gradient = try #require(logits.gradient).floats()
    let expected = try (logits.detached().softmax(1) - soft).floats()
    #expect(zip(gradient, expected).allSatisfy { abs($0 - $1) < 1e-6 })
  }
}
