import Kernels

/// What a step spends its time on.
public enum StepWork: String, Sendable, CaseIterable, Encodable {
  /// Kernels of convolutions and their gradients.
  case convolution = "convolutions"
  /// Kernels of matrix products, a recurrent layer's steps' among them.
  case product = "matrix products"
  /// Kernels of attention, with their softmax.
  case attention
  /// What a recurrent step makes of its products.
  case gates
  /// Weights brought to the form that kernels like.
  case packing
  /// Activations brought to another layout.
  case reorder = "reorders"
  /// Pooling and its gradient.
  case pooling
  /// Batch, layer and RMS normalisation.
  case normalization
  /// ReLU and its kin, and what masks their gradients.
  case activation = "activations"
  /// Sums, views, lookups and whatever else has no name here.
  case operators = "other operators"
  /// What is computed outside of all layers.
  case loss
  /// Adding derivatives up, and handing them to whoever sums them over the ranks.
  case gradients = "adding gradients"
  /// Waiting for a batch.
  case loader
  /// Waiting for sums over ranks when backward was done.
  case wait = "communication wait"
  /// Clipping and the optimizer.
  case update
  /// Whatever is left of the step.
  case other = "unexplained"

  init(_ work: KernelWork) {
    switch work {
    case .convolution: self = .convolution
    case .product: self = .product
    case .attention: self = .attention
    case .gates: self = .gates
    case .packing: self = .packing
    case .reorder: self = .reorder
    case .pooling: self = .pooling
    case .normalization: self = .normalization
    case .activation: self = .activation
    }
  }

  /// Of what an operation does beside kernels that tell themselves.
  init(of operation: Substring, isBackward: Bool) {
    switch operation {
    case "relu", "gelu", "silu", "sigmoid", "tanh", "softmax", "logSoftmax", "softplus": self = .activation
    // A ReLU that has joined the kernel.
    case "convolved": self = isBackward ? .activation : .other
    case "pooled": self = .pooling
    case "batchNormalized", "normalized", "layerNorm", "rmsNorm": self = .normalization
    case "crossEntropy", "squaredErrorSum", "binaryCrossEntropy": self = .loss
    default: self = .operators
    }
  }

  /// Whether this is what `BareKernels` measures.
  public var isOfKernels: Bool { self == .convolution || self == .product || self == .attention }
}

/// Where the time of one rank's steps went, per step: by the kind of work, and by layer.
public struct TimeProfile: Sendable {
  /// What a layer itself does, without the layers in it.
  public struct Layer: Sendable {
    /// As in checkpoints, with its type; `loss` for what is outside of all layers.
    public let name: String
    /// Seconds of a step by the kind of work.
    public internal(set) var forward: [StepWork: Double] = [:], backward: [StepWork: Double] = [:]
    /// How often activations were brought to another layout.
    public internal(set) var reorders = 0.0
    /// Sums of products that it asked for.
    public internal(set) var calls: [KernelCall: Double] = [:]

    /// Seconds of both directions.
    public var seconds: Double { forwardSeconds + backwardSeconds }
    /// Seconds of a step.
    public var forwardSeconds: Double { forward.values.reduce(0, +) }
    /// Seconds of a step.
    public var backwardSeconds: Double { backward.values.reduce(0, +) }
    /// Seconds of convolutions, products and attention.
    public var kernelSeconds: Double {
      (Array(forward) + Array(backward)).reduce(0) { $0 + ($1.key.isOfKernels ? $1.value : 0) }
    }
  }

  /// How many steps these are the means of.
  public let steps: Int
  /// Seconds of a step, from its fetch to its end.
  public let seconds: Double
  /// In the order of the network, without those that took no time.
  public let layers: [Layer]
  /// Seconds of a step by the kind of work; they sum up to the step.
  public let parts: [StepWork: Double]

  init(steps: Int, seconds: Double, layers: [Layer], beside times: StepTimes) {
    let count = Double(max(steps, 1))
    (self.steps, self.seconds, self.layers) = (steps, seconds, layers)
    var parts: [StepWork: Double] = [
      .loader: times.fetch / count, .wait: times.allreduceWait / count, .update: times.update / count,
    ]
    for layer in layers {
      for (work, seconds) in Array(layer.forward) + Array(layer.backward) where work != .other {
        parts[work, default: 0] += seconds
      }
    }
    parts[.other] = seconds - parts.values.reduce(0, +)
    self.parts = parts
  }

  /// Sums of products of the whole network.
  public var calls: [KernelCall: Double] {
    layers.reduce(into: [:]) { $0.merge($1.calls, uniquingKeysWith: +) }
  }

  /// How many numbers are multiplied with another in them, in a step.
  public var multiplications: Double { calls.reduce(0) { $0 + Double($1.key.multiplications) * $1.value } }

  /// How often activations are brought to another layout in a step.
  public var reorders: Double { layers.reduce(0) { $0 + $1.reorders } }

  /// Seconds that a layer's sums of products take by themselves, by the fastest kernels at hand; of each layer in order.
  public func bareSeconds(by kernels: inout BareKernels) throws -> [Double] {
    var result: [Double] = []
    for layer in layers {
      var seconds = 0.0
      for (call, count) in layer.calls { seconds += try count * kernels.seconds(of: call) }
      result.append(seconds)
    }
    return result
  }
}
