import DataParallel
import MessagePassing
import Networks
import Tensors

/// What a training loop of one's own needs of the other ranks.
extension Communicator {
  /// Gives every rank rank 0's parameters and buffers, before the first step.
  public func share(_ model: Module) throws { try Replicas.broadcast(model.state, over: self) }

  /// Averages the gradients over all ranks, between `backward()` and the optimizer's step:
  /// ```swift
  /// try crossEntropy(model(images), labels).backward()
  /// try ranks.average(model, samples: labels.elementCount)
  /// try optimizer.step()
  /// ```
  /// Every rank calls it, also one without a sample in this step. A parameter that no rank has a gradient for stays without.
  ///
  /// - Parameters:
  ///   - model: whose parameters have gradients.
  ///   - samples: how many of the step's samples this rank's loss is the mean of, its gradient's weight. Ranks that all
  ///     have as many can leave it out.
  /// - Throws: `TensorError` for a negative number of samples, or none on any rank.
  public func average(_ model: Module, samples: Int = 1) throws {
    guard samples >= 0 else { throw TensorError("average", "a rank can't have \(samples) samples") }
    if size == 1 { return }
    let parameters = model.namedParameters.map(\.tensor)
    let present = parameters.map { $0.gradient == nil || samples == 0 ? 0.0 : 1 }
    let sums = try allReduce([Double(samples)] + present, .sum)
    guard sums[0] > 0 else { throw TensorError("average", "no rank has a sample") }
    let share = Float(Double(samples) / sums[0])
    for (index, parameter) in parameters.enumerated() where sums[1 + index] > 0 {
      let gradient =
        present[index] > 0 ? parameter.gradient?.copy() ?? .zeros(parameter.shape) : .zeros(parameter.shape)
      try gradient.withFloats { values in
        for i in values.indices { values[i] *= share }
        try allReduce(values, .sum)
      }
      parameter.gradient = gradient
    }
  }
}
