/// How the samples of one optimizer step are dealt out: to ranks in contiguous shards, and within a shard in slices that
/// go through the network one after the other.
///
/// Slices small enough for the processor's cache make small convolutional networks faster, and they are the unit in which
/// gradients are summed. Nothing has to divide anything: shards differ by one sample at the most, and may be empty.
public struct Sharding: Sendable {
  /// Whose shards these are.
  public let rank: Int
  /// Among how many ranks a batch is dealt out.
  public let rankCount: Int
  /// Samples of a slice at the most.
  public let sliceSize: Int
  /// Slices of a shard at least, as far as it has samples.
  public let accumulation: Int
  /// Cuts every global batch into so many fixed slices, whatever the number of ranks (reproducible mode).
  public let virtualShards: Int?
  /// Whether every rank has as many slices, of which some are empty: those that statistics are taken of together.
  public let keepsEmpty: Bool

  /// Out of range are a number of ranks, a slice size or an accumulation below 1, which count as 1.
  public init(
    rank: Int, rankCount: Int, sliceSize: Int = .max, accumulation: Int = 1, virtualShards: Int? = nil,
    keepsEmpty: Bool = false
  ) {
    (self.rank, self.rankCount, self.sliceSize) = (rank, max(rankCount, 1), max(sliceSize, 1))
    (self.accumulation, self.virtualShards, self.keepsEmpty) = (max(accumulation, 1), virtualShards, keepsEmpty)
  }

  /// The same for another rank.
  public func of(rank: Int) -> Sharding {
    Sharding(
      rank: rank, rankCount: rankCount, sliceSize: sliceSize, accumulation: accumulation, virtualShards: virtualShards,
      keepsEmpty: keepsEmpty)
  }

  /// The positions in a global batch of `count` samples that are this rank's.
  public func shard(of count: Int) -> Range<Int> {
    let own = virtualShards.map { slicesOwned($0, of: count) } ?? []
    if let first = own.first, let last = own.last { return first.lowerBound..<last.upperBound }
    if virtualShards != nil { return 0..<0 }
    return Self.share(count, rank, rankCount)..<Self.share(count, rank + 1, rankCount)
  }

  /// The shard cut into slices of nearly equal size, none for an empty shard; or this rank's virtual shards, some of which
  /// may be empty.
  public func slices(of count: Int) -> [Range<Int>] {
    if let virtualShards { return slicesOwned(virtualShards, of: count) }
    let shard = shard(of: count)
    let wanted = max((shard.count - 1) / sliceSize + 1, accumulation)
    let parts = keepsEmpty ? wanted : min(wanted, shard.count)
    return (0..<parts).map { part in
      let cut = { (index: Int) in shard.lowerBound + shard.count / parts * index + min(index, shard.count % parts) }
      return cut(part)..<cut(part + 1)
    }
  }

  private func slicesOwned(_ shards: Int, of count: Int) -> [Range<Int>] {
    SummationTree(leafCount: shards, rankCount: rankCount).leaves(of: rank).map {
      Self.share(count, $0, shards)..<Self.share(count, $0 + 1, shards)
    }
  }

  /// Where part `index` of `parts` nearly equal ones begins: earlier parts take one more where it does not divide.
  static func share(_ count: Int, _ index: Int, _ parts: Int) -> Int {
    count / parts * index + min(index, count % parts)
  }
}
