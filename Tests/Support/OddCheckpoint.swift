import Lockstep

/// A small checkpoint of odd shapes and odd numbers, which no reader may change.
func oddCheckpoint(step: Int = 12, isFinite: Bool = false) throws -> Checkpoint {
  let special: [Float] = isFinite ? [1, 2, 3] : [.infinity, -.infinity, Float(bitPattern: 0x7FC1_2345)]
  let odd = [0, -0.0] + special + [.leastNonzeroMagnitude, .greatestFiniteMagnitude, 1 / 3, -1e-20, 16_777_215]
  var position = TrainingPosition()
  (position.epoch, position.step, position.stepInEpoch, position.samplesSeen) = (3, step, min(step, 2), 1234)
  (position.seed, position.totals) = (.max - 5, [1.5, 1 / 3, 100])
  return Checkpoint(
    model: [
      ("0.weight", Tensor(odd, shape: [2, 5])), ("1.1.running_mean", Tensor(odd)),
      ("2.0.p1_1.weight", Tensor([Float(7)], shape: [1, 1, 1, 1])), ("scalar", Tensor(Float(2.5))),
    ],
    optimizer: [
      "momentum": ["0.weight": Tensor(odd, shape: [2, 5])],
      "square": ["0.weight": Tensor(odd, shape: [2, 5]), "scalar": Tensor(Float(4))],
    ],
    optimizerSteps: 12, position: position, configuration: "{\"model\":\"häuser\"}")
}

/// Everything of a checkpoint as text, tensors by their bits.
func written(_ checkpoint: Checkpoint) throws -> [String] {
  var lines = try checkpoint.model.sorted { $0.name < $1.name }.map {
    "\($0.name) \($0.tensor.shape) \(try bits($0.tensor))"
  }
  for (slot, tensors) in checkpoint.optimizer.sorted(by: { $0.key < $1.key }) {
    lines += try tensors.sorted { $0.key < $1.key }.map { "\(slot) \($0.key) \($0.value.shape) \(try bits($0.value))" }
  }
  return lines + ["\(checkpoint.position)", "\(checkpoint.optimizerSteps)", checkpoint.configuration]
}
