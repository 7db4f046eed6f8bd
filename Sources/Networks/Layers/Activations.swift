import Tensors

/// `max(x, 0)`.
public final class ReLU: Module {
  public override func forward(_ input: Tensor) -> Tensor { input.relu() }
}

/// `1 / (1 + exp(-x))`.
public final class Sigmoid: Module {
  public override func forward(_ input: Tensor) -> Tensor { input.sigmoid() }
}

/// `tanh x`.
public final class Tanh: Module {
  public override func forward(_ input: Tensor) -> Tensor { input.tanh() }
}

/// `x Φ(x)`, Φ(x) the share of a normal distribution below x, or a tanh that is near it.
public final class GELU: Module {
  /// Whether Φ is approximated by tanh, as in GPT-2.
  public let approximate: Bool

  /// By the error function unless said otherwise.
  public init(approximate: Bool = false) { self.approximate = approximate }

  public override func forward(_ input: Tensor) -> Tensor { input.gelu(approximate: approximate) }
}

/// `x / (1 + exp(-x))`.
public final class SiLU: Module {
  public override func forward(_ input: Tensor) -> Tensor { input.silu() }
}

/// Zeros elements with the given probability while training; hands its input on in evaluation.
public final class Dropout: Module {
  /// That an element becomes 0.
  public let probability: Double

  /// One half unless said otherwise; a probability outside 0…1 is a fault of the output, and so is an input whose first
  /// axis is not the batch's samples: masks are drawn by sample.
  public init(_ probability: Double = 0.5) { self.probability = probability }

  public override func forward(_ input: Tensor) -> Tensor {
    isTraining ? input.droppedOut(probability) : input
  }
}
