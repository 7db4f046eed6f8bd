import Kernels
import Lockstep
import Testing

@testable import TestSupport

/// A training in half precision comes to what one in float32 comes to, and an interruption changes nothing.
@Suite struct HalfTrainingTests {
  private func network() -> Sequential {
    Sequential(
      Conv2D(1, 16, kernel: 3, padding: 1), BatchNorm2D(16), ReLU(), Conv2D(16, 16, kernel: 3, padding: 1), ReLU(),
      MaxPool2D(2), Flatten(), Linear(16 * 16, 10))
  }

  private func trainer(_ precision: Precision, epochs: Int, steps: Int? = nil) throws -> Trainer {
    var configuration = smallConfiguration(epochs: epochs, batchSize: 16, learningRate: 0.05)
    (configuration.precision, configuration.steps) = (precision, steps)
    return try Trainer(drawing: network(), Classification(), configuration)
  }

  @Test func asGoodAsFloat32() throws {
    let data = ImageDataset(smallImages(160))
    let heldOut = try ImageDataset(smallImages(80, seed: 2)).batch(Array(0..<80))
    func trained(_ precision: Precision) throws -> (loss: Double, accuracy: Double) {
      let trainer = try trainer(precision, epochs: 3)
      try trainer.fit(data)
      trainer.model.evaluate()
      let logits = KernelOptions(precision: precision).run { withoutGradient { trainer.model(heldOut.inputs) } }
      let hits = (logits.argmax(1) .== heldOut.targets).to(.float32).mean()
      return (try crossEntropy(logits, heldOut.targets).item(), try hits.item())
    }
    let (half, float) = (try trained(.bf16), try trained(.float32))
    #expect(abs(half.loss - float.loss) < 0.05 * max(float.loss, 0.1), "\(half), \(float)")
    #expect(abs(half.accuracy - float.accuracy) <= 0.05 && float.accuracy > 0.5, "\(half), \(float)")
  }

  @Test func resumedIsUndisturbed() throws {
    let data = ImageDataset(smallImages(60))
    let folder = try TemporaryFolder()
    let whole = try trainer(.bf16, epochs: 2)
    try whole.fit(data)
    let begun = try trainer(.bf16, epochs: 2, steps: 3)
    try begun.fit(data, saving: CheckpointPlan(CheckpointFolder(folder.path)))
    let resumed = try trainer(.bf16, epochs: 2)
    try resumed.resume(from: CheckpointFolder.load(folder.path).checkpoint)
    try resumed.fit(data)
    #expect(try digest(resumed.model) == digest(whole.model))
  }
}
