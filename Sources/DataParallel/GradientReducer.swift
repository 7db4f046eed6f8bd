import MessagePassing
import Tensors

/// Sums gradients over all ranks, to the last bit of float32, while backward is still computing others.
///
/// Tensors are grouped in buckets in the order in which backward finishes them, the last layer's first. `gradientReady`
/// copies a finished gradient into its bucket and starts the bucket's allreduce once it is full; `finish` waits for all of
/// them and leaves each tensor's `gradient` a view of the sum. A rank whose shard is empty contributes zeros, so that every
/// rank issues the same collectives. Between hosts the sums go on while backward computes, so buckets are small, the first above
/// all; on one host nothing goes on by itself, and large buckets are summed at once. A tensor that has a bucket alone is summed
/// where its gradient lies: on one host any large one has, for there a copy takes as long as the sum.
public final class GradientReducer: Reducer {
  private final class Bucket {
    var entries: [(tensor: Tensor, range: Range<Int>)] = []
    var count = 0
    /// Nil for a tensor alone.
    var memory: Tensor?
    var missing = 0
    var request: Request?
  }

  /// Elements from which on an allreduce blocks.
  private static let blockingCount = Communicator.allReducePiece

  /// In which order ranks are added.
  enum Order {
    /// Whichever is the fastest for the size.
    case any
    /// The tree of pairs of ranks, where `Communicator.sumsInTree`.
    case tree
  }

  private let communicator: Communicator
  private let order: Order
  /// Bytes from which on a bucket is full, and of the first one.
  private let bucketBytes, firstBucketBytes: Int
  /// Bytes from which on a tensor shares its bucket with none.
  private let aloneBytes: Int
  private var tensors: [Tensor] = []
  private var buckets: [Bucket] = []
  private var places: [ObjectIdentifier: (bucket: Int, entry: Int)] = [:]
  private var added: Set<ObjectIdentifier> = []
  /// Buckets are started in this order on every rank, whatever order backward finishes them in.
  private var nextToStart = 0

  /// - Parameters:
  ///   - tensors: in the order of the network; every rank must pass the same.
  ///   - communicator: the ranks to sum over.
  ///   - bucketBytes: gradients are gathered until an allreduce carries this many bytes; by the network unless given.
  public convenience init(_ tensors: [Tensor], over communicator: Communicator, bucketBytes: Int? = nil) throws {
    try self.init(tensors, over: communicator, .any, bucketBytes: bucketBytes)
  }

  init(_ tensors: [Tensor], over communicator: Communicator, _ order: Order, bucketBytes: Int? = nil) throws {
    (self.communicator, self.order) = (communicator, order)
    self.bucketBytes = bucketBytes ?? (communicator.sumsInBackground ? 1 << 20 : 4 << 20)
    firstBucketBytes = bucketBytes ?? (communicator.sumsInBackground ? 1 << 18 : 4 << 20)
    aloneBytes = communicator.sumsInBackground ? Self.blockingCount * 4 + 4 : bucketBytes ?? 1 << 18
    try arrange(tensors)
  }

  /// How many allreduces a step takes.
  public var bucketCount: Int { buckets.count }

  /// Arranges the buckets anew where other tensors are summed than in the step before: some were frozen or freed since.
  public func begin(_ tensors: [Tensor]) throws {
    if nextToStart > 0 || !added.isEmpty {
      throw TensorError.stepLeftSums
    }
    if !tensors.areSame(as: self.tensors) { try arrange(tensors) }
  }

  private func arrange(_ tensors: [Tensor]) throws {
    self.tensors = tensors
    (buckets, places) = ([], [:])
    var bucket = Bucket()
    for tensor in tensors.reversed() {
      let limit = buckets.isEmpty ? firstBucketBytes : bucketBytes
      let isFull = max(bucket.count, tensor.elementCount) * 4 >= limit
      if bucket.count > 0, isFull || isAlone(tensor) || bucket.entries.contains(where: { isAlone($0.tensor) }) {
        buckets.append(bucket)
        bucket = Bucket()
      }
      places[ObjectIdentifier(tensor)] = (buckets.count, bucket.entries.count)
      bucket.entries.append((tensor, bucket.count..<bucket.count + tensor.elementCount))
      bucket.count += tensor.elementCount
    }
    if !bucket.entries.isEmpty { buckets.append(bucket) }
    for bucket in buckets {
      if bucket.entries.count > 1 || !isAlone(bucket.entries[0].tensor) { bucket.memory = .zeros([bucket.count]) }
      bucket.missing = bucket.entries.count
    }
  }

  private func isAlone(_ tensor: Tensor) -> Bool { tensor.elementCount * 4 >= aloneBytes }

  public func gradientReady(_ tensor: Tensor) throws {
    guard let place = places[ObjectIdentifier(tensor)] else { return }
    guard added.insert(ObjectIdentifier(tensor)).inserted else {
      throw TensorError("reduce", "a gradient of shape \(tensor.shape) was added twice in one step")
    }
    let bucket = buckets[place.bucket]
    try fill(bucket, place.entry)
    bucket.missing -= 1
    try startFullBuckets()
  }

  public func complete() throws {
    for bucket in buckets {
      for (entry, (tensor, _)) in bucket.entries.enumerated() where !added.contains(ObjectIdentifier(tensor)) {
        try fill(bucket, entry)
      }
      bucket.missing = 0
    }
    try startFullBuckets()
  }

  public func finish() throws {
    for bucket in buckets {
      try bucket.request?.wait()
      bucket.request = nil
      bucket.missing = bucket.entries.count
      guard let memory = bucket.memory else { continue }
      for (tensor, range) in bucket.entries { tensor.gradient = memory[range].reshaped(tensor.shape) }
    }
    added.removeAll(keepingCapacity: true)
    nextToStart = 0
  }

  private func fill(_ bucket: Bucket, _ entry: Int) throws {
    let (tensor, range) = bucket.entries[entry]
    guard let memory = bucket.memory else {
      // It is summed where it lies, and no other name of it may see that.
      tensor.gradient = tensor.gradient?.packed() ?? .zeros(tensor.shape)
      return
    }
    let target = memory[range]
    if let gradient = tensor.gradient {
      target.reshaped(tensor.shape).assign(gradient)
    } else {
      target.fill(0)
    }
  }

  private func startFullBuckets() throws {
    while nextToStart < buckets.count, buckets[nextToStart].missing == 0 {
      let bucket = buckets[nextToStart]
      nextToStart += 1
      guard let sum = bucket.memory ?? bucket.entries[0].tensor.gradient else { continue }
      try sum.withFloats { values in
        let waits = values.count > Self.blockingCount && !communicator.sumsInBackground
        if order == .tree {
          bucket.request = try communicator.startTreeSum(values, owner: sum)
          if waits { try bucket.request?.wait() }
        } else if waits {
          try communicator.allReduce(values, .sum)
        } else {
          bucket.request = try communicator.startAllReduce(values, .sum, owner: sum)
        }
      }
    }
  }
}
