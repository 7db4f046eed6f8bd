import DataParallel
import Datasets
import Networks
import Tensors

/// Kernels that are chosen by measurement, before the first step.
extension Trainer {
  /// Decides which kernels compute, once, where the configuration wants them `tuned`; collective then.
  func tuneKernels(for batch: StepBatch) throws {
    guard settings.kernels.backend == .tuned, settings.kernels.plans == nil else { return }
    settings.kernels = try settings.kernels.tuned(over: communicator, keptIn: planFolder) { try rehearse(batch) }
  }

  /// Forward and backward of this rank's first samples, without the others, for what they ask of kernels; all is then as it was.
  private func rehearse(_ batch: StepBatch) throws {
    guard let slice = batch.slices.first(where: { !$0.samples.isEmpty }) else { return }
    let (tensors, carried) = (strategy.replica.summed, objective.memory?.snapshot)
    let gradients = tensors.map(\.gradient)
    defer {
      for (tensor, gradient) in zip(tensors, gradients) { tensor.gradient = gradient }
      carried.map { objective.memory?.goBack(to: $0) }
    }
    let outputs = try ForwardScope.run(
      seed: settings.seed, time: position.epoch, samples: slice.samples, globalCount: batch.globalCount
    ) { try objective.outputs(of: model, on: slice) }
    try loss(of: outputs, on: slice)?.sum.backward(seed: 1 / Double(batch.globalWeight))
  }
}
