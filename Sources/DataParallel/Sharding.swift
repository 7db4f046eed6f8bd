/// How the samples of one optimizer step are dealt out: to ranks in contiguous shards, and within a shard in slices that
/// go through the network one after the other.
///
/// Slices small enough for the processor's cache make small convolutional networks faster, and they are the unit in which
/// gradients are summed. Nothing has to divide anything: shards differ by one sample at the most, and may be empty.
public struct Sharding: Sendable {
  public let rank: Int
  public let rankCount: Int
  /// Samples of a slice at the most.
  public let sliceSize: Int

  public init(rank: Int, rankCount: Int, sliceSize: Int = .max) {
    (self.rank, self.rankCount, self.sliceSize) = (rank, max(rankCount, 1), max(sliceSize, 1))
  }

  /// The positions in a global batch of `count` samples that are this rank's.
  public func shard(of count: Int) -> Range<Int> { share(count, rank)..<share(count, rank + 1) }

  /// The shard cut into slices of nearly equal size; none for an empty shard.
  public func slices(of count: Int) -> [Range<Int>] {
    let shard = shard(of: count)
    if shard.isEmpty { return [] }
    let parts = (shard.count - 1) / sliceSize + 1
    return (0..<parts).map { part in
      let cut = { (index: Int) in shard.lowerBound + shard.count / parts * index + min(index, shard.count % parts) }
      return cut(part)..<cut(part + 1)
    }
  }

  /// `count · rank / rankCount` without overflow: earlier ranks take one sample more where it does not divide.
  private func share(_ count: Int, _ rank: Int) -> Int {
    count / rankCount * rank + min(rank, count % rankCount)
  }
}
