import HDF5Files
import MessagePassing
import Tensors

/// A data set whose samples count differently in the loss. Weights should have the mean 1: gradients are divided by the number
/// of samples.
public struct Weighted: DigestedDataset, SharedDataset {
  /// The samples without their weights.
  public let whole: any DigestedDataset
  private let weights: [Float]

  /// A weight for each sample of the data set, which multiplies one that it has already.
  public init(_ whole: any DigestedDataset, _ weights: [Float]) { (self.whole, self.weights) = (whole, weights) }

  public var count: Int { whole.count }
  public var ordering: Ordering { whole.ordering }
  public var rows: Int? { whole.rows }
  public var digest: String {
    get throws {
      var hash = SHA256()
      hash.update("\(try whole.digest) weights \(weights.withUnsafeBytes(Checksum.crc32))")
      return hash.digest
    }
  }

  public func batch(_ samples: [Int]) throws -> Batch { try weighted(whole.batch(samples)) }
  public func batch(_ samples: [Int], epoch: Int) throws -> Batch { try weighted(whole.batch(samples, epoch: epoch)) }
  public func batch(_ samples: [Int], at positions: Range<Int>, of order: SampleOrder, epoch: Int) throws -> Batch {
    try weighted(whole.batch(samples, at: positions, of: order, epoch: epoch))
  }
  public func weight(of samples: [Int]) -> Int { whole.weight(of: samples) }

  public func pass(_ order: SampleOrder, from position: Int, epoch: Int) throws -> any DatasetPass {
    Pass(whole: try whole.pass(order, from: position, epoch: epoch), data: self)
  }

  public func share(over communicator: Communicator) throws {
    try (whole as? any SharedDataset)?.share(over: communicator)
  }
  public func loadShare() throws { try (whole as? any SharedDataset)?.loadShare() }

  private func weighted(_ batch: Batch) throws -> Batch {
    var batch = batch
    let own = Tensor(batch.samples.map { weights[$0] })
    batch.weights = batch.weights.map { $0 * own } ?? own
    return batch
  }

  private struct Pass: DatasetPass {
    let whole: any DatasetPass
    let data: Weighted

    func advance(to position: Int) { whole.advance(to: position) }
    func batch(_ samples: [Int], at positions: Range<Int>) throws -> Batch {
      try data.weighted(whole.batch(samples, at: positions))
    }
    func finish() { whole.finish() }
  }
}
