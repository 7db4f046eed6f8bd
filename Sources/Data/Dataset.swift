import Tensors

/// Inputs and targets of some samples.
public struct Batch: Sendable {
  public let inputs: Tensor
  public let targets: Tensor
  /// Which samples of the data set these are.
  public let samples: [Int]

  public init(inputs: Tensor, targets: Tensor, samples: [Int]) {
    (self.inputs, self.targets, self.samples) = (inputs, targets, samples)
  }
}

/// Samples that can be had by their position. One's own data set says how many there are and makes a batch of some:
/// ```swift
/// struct Squares: Dataset {
///   let count = 1000
///   func batch(_ samples: [Int]) throws -> Batch {
///     let x = try Tensor(samples.map { [Float($0)] })
///     return Batch(inputs: x, targets: try x.pow(2), samples: samples)
///   }
/// }
/// ```
/// `batch` is called on the loader's thread or the trainer's, by one of them at a time.
public protocol Dataset: Sendable {
  var count: Int { get }
  func batch(_ samples: [Int]) throws -> Batch
  /// The same in an epoch of a training, for data sets that change their samples at random; the others don't say it.
  func batch(_ samples: [Int], epoch: Int) throws -> Batch
  /// How much samples count in the mean of the losses: one each, unless a data set counts tokens.
  func weight(of samples: [Int]) -> Int
}

extension Dataset {
  public func batch(_ samples: [Int], epoch: Int) throws -> Batch { try batch(samples) }
  public func weight(of samples: [Int]) -> Int { samples.count }
}

/// Samples with a digest (`sha256:<hex>`), by which ranks know that they have loaded the same.
public protocol DigestedDataset: Dataset {
  var digest: String { get }
}
