import Kernels
import Tensors

/// The exponential moving average of parameters over the steps of a training, `a ← decay a + (1 - decay) w`; the first step's weights
/// are where it begins. It often judges better than the weights of the last step. As PyTorch's `AveragedModel` with
/// `get_ema_multi_avg_fn`. Source: Polyak and Juditsky 1992; Tarvainen and Valpola 2017.
public final class WeightAverage {
  /// How much of the average stays from step to step.
  public let decay: Double
  private let parameters: [(name: String, tensor: Tensor)]
  private var averages: [Tensor] = []

  /// Of these parameters; nothing is averaged before the first update.
  public init(of parameters: [(name: String, tensor: Tensor)], decay: Double) {
    (self.parameters, self.decay) = (parameters, decay)
  }

  /// The averages by the parameters' names; none before the first update.
  public var named: [(name: String, tensor: Tensor)] { zip(parameters, averages).map { ($0.name, $1) } }

  /// Takes in the parameters as they are now.
  public func update() throws {
    if averages.isEmpty {
      averages = parameters.map { $0.tensor.detached().copy() }
      return
    }
    for ((_, parameter), average) in zip(parameters, averages) {
      try parameter.dtype == .float64
        ? move(average, to: parameter, as: Double.self) : move(average, to: parameter, as: Float.self)
    }
  }

  private func move<T: FloatElement>(_ average: Tensor, to parameter: Tensor, as type: T.Type) throws {
    let share = T(1 - decay)
    try average.withElements(as: type, reading: parameter) { count, averages, _, weights in
      for i in 0..<count { averages[i] += share * (weights[i] - averages[i]) }
    }
  }

  /// Goes on from averages that were saved; none where there were none.
  ///
  /// - Throws: `TensorError` for averages that are not the parameters'.
  public func restore(_ values: [(name: String, tensor: Tensor)]) throws {
    let known = Dictionary(values.map { ($0.name, $0.tensor) }) { first, _ in first }
    if known.isEmpty {
      averages = []
      return
    }
    averages = try parameters.map { name, tensor in
      guard let value = known[name], value.shape == tensor.shape else {
        throw TensorError("resume", "the average of \(name) is missing, or has another shape than \(tensor.shape)")
      }
      return value.copy()
    }
  }

  /// Puts the averages in the parameters' place, for good.
  public func use() {
    withoutGradient { for (entry, average) in zip(parameters, averages) { entry.tensor.assign(average) } }
  }

  /// Runs `body` with the averages in the parameters' place, which come back in any case.
  public func whileUsed<Result>(_ body: () throws -> Result) rethrows -> Result {
    if averages.isEmpty { return try body() }
    let own = parameters.map { $0.tensor.detached().copy() }
    use()
    defer { withoutGradient { for (entry, weights) in zip(parameters, own) { entry.tensor.assign(weights) } } }
    return try body()
  }
}
