import Datasets
import Failures
import Foundation
import HDF5Files
import Kernels
import Networks
import Optimizers

/// All that defines a training, save the data themselves and the machine: printed at start, kept in every checkpoint and
/// compared over the ranks.
public struct Configuration: Codable, Sendable, Equatable {
  public enum OptimizerName: String, Codable, Sendable, CaseIterable { case sgd, adam, adamw }

  public var model: String
  /// What the data decided about the model.
  public var sizes = ModelSizes()
  public var epochs: Int
  /// Ends the training after so many steps, if epochs have not before.
  public var steps: Int?
  /// Samples of one optimizer step over all ranks.
  public var batchSize: Int
  public var learningRate: Double
  public var optimizer: OptimizerName
  public var momentum: Double
  public var nesterov: Bool
  public var weightDecay: Double
  /// Gradients are scaled down to this common norm.
  public var clipNorm: Double?
  /// How sequences are taken from a text; nil where there are none.
  public var sampling: SequenceSampling?
  /// The first tokens of a text are trained on, 0 for all; nil for as many as its file says.
  public var maxTokens: Int?
  public var seed: UInt64
  /// Samples that go through the network at once; more gain nothing once a slice fills the cache.
  public var sliceSize: Int
  /// The same bits on any number of ranks: the global batch is computed in fixed virtual shards, summed in a fixed tree.
  public var reproducible = false
  public var virtualShards = 8
  /// Random changes of training images.
  public var augmentation: Augmentation?
  /// Of images, in training and ever after.
  public var normalization: Normalization?
  public var convolution = ConvolutionMethod.automatic
  public var precision = Precision.float32

  public init(
    model: String, epochs: Int, steps: Int? = nil, batchSize: Int, learningRate: Double,
    optimizer: OptimizerName = .sgd, momentum: Double = 0, nesterov: Bool = false, weightDecay: Double = 0,
    clipNorm: Double? = nil, seed: UInt64 = 0, sliceSize: Int = .max
  ) {
    (self.model, self.epochs, self.steps, self.batchSize) = (model, epochs, steps, batchSize)
    (self.learningRate, self.optimizer, self.momentum) = (learningRate, optimizer, momentum)
    (self.nesterov, self.weightDecay, self.clipNorm) = (nesterov, weightDecay, clipNorm)
    (self.seed, self.sliceSize) = (seed, sliceSize)
  }

  public func validate() throws {
    func require(_ isGood: Bool, _ name: String, _ value: Any, _ wanted: String) throws {
      if !isGood { throw ConfigurationError("\(name) is \(value), but must be \(wanted)") }
    }
    try require(epochs >= 0, "epochs", epochs, "0 or more")
    try require(steps ?? 0 >= 0, "steps", steps ?? 0, "0 or more")
    try require(batchSize >= 1, "batch-size", batchSize, "at least 1")
    try require(batchSize <= 1 << 30, "batch-size", batchSize, "at most \(1 << 30)")
    try require(learningRate.isFinite && learningRate >= 0, "learning-rate", learningRate, "0 or more, and finite")
    try require((0..<1).contains(momentum), "momentum", momentum, "in 0..<1")
    try require(weightDecay.isFinite && weightDecay >= 0, "weight-decay", weightDecay, "0 or more, and finite")
    try require(clipNorm ?? 1 > 0, "clip-norm", clipNorm ?? 1, "above 0")
    try require(maxTokens ?? 0 >= 0, "max-tokens", maxTokens ?? 0, "0 or more")
    try require((1...4096).contains(virtualShards), "virtual-shards", virtualShards, "in 1…4096")
    try require(sliceSize >= 1, "slice-size", sliceSize, "at least 1")
    try require(optimizer == .sgd || momentum == 0, "momentum", momentum, "left out with \(optimizer)")
    let padding = augmentation?.cropPadding ?? 0
    try require((0...1024).contains(padding), "random-crop", padding, "in 0…1024")
    if let normalization {
      let isGood =
        normalization.means.allSatisfy(\.isFinite) && normalization.deviations.allSatisfy { $0 > 0 && $0.isFinite }
      try require(isGood, "normalize", normalization.text, "finite, deviations above 0")
    }
    try kernels.validate()
    try require(!nesterov || momentum > 0, "nesterov", nesterov, "used with a momentum")
  }

  /// As the command line's options, one a line: what ranks compare.
  var lines: [String] {
    [
      "model \(model)", "sizes \(sizes)", "epochs \(epochs)", "steps \(steps.map(String.init) ?? "all")",
      "batch-size \(batchSize)",
      "learning-rate \(learningRate)", "optimizer \(optimizer.rawValue)", "momentum \(momentum)",
      "nesterov \(nesterov)",
      "weight-decay \(weightDecay)", "clip-norm \(clipNorm.map { "\($0)" } ?? "none")", "seed \(seed)",
      "sampling \(sampling?.rawValue ?? "none")", "max-tokens \(maxTokens.map(String.init) ?? "default")",
      "slice-size \(sliceSize)", "reproducible \(reproducible)", "virtual-shards \(virtualShards)",
      "convolution \(convolution.rawValue)", "precision \(precision.rawValue)",
      "random-crop \(augmentation?.cropPadding ?? 0)", "random-flip \(augmentation?.flips ?? false)",
      "normalize \(normalization?.text ?? "none")",
    ]
  }

  /// As JSON with sorted keys, so that equal configurations are equal texts.
  public func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }

  public init(json: String, path: String) throws {
    do {
      self = try JSONDecoder().decode(Configuration.self, from: Foundation.Data(json.utf8))
    } catch {
      throw ConfigurationError("\(path): its configuration can't be read: \(error)")
    }
  }

  public func makeOptimizer(_ parameters: [(name: String, tensor: Parameter)]) -> any Optimizer {
    let groups = [ParameterGroup(parameters, learningRate: learningRate, weightDecay: weightDecay)]
    return switch optimizer {
    case .sgd: SGD(groups, momentum: momentum, nesterov: nesterov)
    case .adam: Adam(groups)
    case .adamw: Adam(groups, isDecoupled: true)
    }
  }
}

/// What an older Lockstep did not know, and its checkpoints don't say, is as it was then: the default.
extension Configuration {
  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    func value<Value: Decodable>(_ key: CodingKeys) throws -> Value { try fields.decode(Value.self, forKey: key) }
    func value<Value: Decodable>(_ key: CodingKeys, or standard: Value) throws -> Value {
      try fields.decodeIfPresent(Value.self, forKey: key) ?? standard
    }
    self.init(
      model: try value(.model), epochs: try value(.epochs), batchSize: try value(.batchSize),
      learningRate: try value(.learningRate), optimizer: try value(.optimizer), momentum: try value(.momentum),
      nesterov: try value(.nesterov), weightDecay: try value(.weightDecay), seed: try value(.seed),
      sliceSize: try value(.sliceSize))
    sizes = try value(.sizes, or: sizes)
    (steps, clipNorm) = (try value(.steps, or: nil), try value(.clipNorm, or: nil))
    (sampling, maxTokens) = (try value(.sampling, or: nil), try value(.maxTokens, or: nil))
    (reproducible, virtualShards) = (try value(.reproducible, or: false), try value(.virtualShards, or: virtualShards))
    (augmentation, normalization) = (try value(.augmentation, or: nil), try value(.normalization, or: nil))
    (convolution, precision) = (try value(.convolution, or: convolution), try value(.precision, or: precision))
  }
}

/// A training that can't be as it was asked for.
public struct ConfigurationError: Failure {
  public let what: String
  public init(_ what: String) { self.what = what }
  public var kind: FailureKind { .usage }
  public var description: String { what }
}
