import MessagePassing
import Tensors

/// Sums gradients over all ranks, to the last bit of float32, while backward is still computing others.
///
/// Tensors are grouped in buckets in the order in which backward finishes them, the last layer's first. `gradientReady`
/// copies a finished gradient into its bucket and starts the bucket's allreduce once it is full; `finish` waits for all of
/// them and leaves each tensor's `gradient` a view of the sum. A rank whose shard is empty contributes zeros, so that every
/// rank issues the same collectives. On one host large buckets are reduced at once by blocking calls, which are several times
/// faster there; a tensor that fills a bucket alone is summed where its gradient lies.
public final class GradientReducer: Reducer {
  private final class Bucket {
    var entries: [(tensor: Tensor, range: Range<Int>)] = []
    var count = 0
    /// Nil for a single large tensor.
    var memory: Tensor?
    var missing = 0
    var request: Request?
  }

  /// Elements from which on an allreduce blocks.
  private static let blockingCount = Communicator.allReducePiece

  private let communicator: Communicator
  private let bucketBytes: Int
  private var tensors: [Tensor] = []
  private var buckets: [Bucket] = []
  private var places: [ObjectIdentifier: (bucket: Int, entry: Int)] = [:]
  private var added: Set<ObjectIdentifier> = []
  /// Buckets are started in this order on every rank, whatever order backward finishes them in.
  private var nextToStart = 0

  /// - Parameters:
  ///   - tensors: in the order of the network; every rank must pass the same.
  ///   - communicator: the ranks to sum over.
  ///   - bucketBytes: gradients are gathered until an allreduce carries this many bytes.
  public init(_ tensors: [Tensor], over communicator: Communicator, bucketBytes: Int = 4 << 20) throws {
    (self.communicator, self.bucketBytes) = (communicator, bucketBytes)
    try arrange(tensors)
  }

  /// How many allreduces a step takes.
  public var bucketCount: Int { buckets.count }

  /// Arranges the buckets anew where other tensors are summed than in the step before: some were frozen or freed since.
  public func begin(_ tensors: [Tensor]) throws {
    if nextToStart > 0 || !added.isEmpty {
      throw TensorError("reduce", "a step failed while its sums were on their way: this training can't go on")
    }
    let isKnown = tensors.count == self.tensors.count && zip(tensors, self.tensors).allSatisfy { $0 === $1 }
    if !isKnown { try arrange(tensors) }
  }

  private func arrange(_ tensors: [Tensor]) throws {
    self.tensors = tensors
    (buckets, places) = ([], [:])
    var bucket = Bucket()
    for tensor in tensors.reversed() {
      if bucket.count > 0 && max(bucket.count, tensor.elementCount) * 4 >= bucketBytes {
        buckets.append(bucket)
        bucket = Bucket()
      }
      places[ObjectIdentifier(tensor)] = (buckets.count, bucket.entries.count)
      bucket.entries.append((tensor, bucket.count..<bucket.count + tensor.elementCount))
      bucket.count += tensor.elementCount
    }
    if !bucket.entries.isEmpty { buckets.append(bucket) }
    for bucket in buckets {
      if bucket.entries.count > 1 || bucket.count <= Self.blockingCount { bucket.memory = .zeros([bucket.count]) }
      bucket.missing = bucket.entries.count
    }
  }

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
        if values.count > Self.blockingCount && !communicator.sumsInBackground {
          try communicator.allReduce(values, .sum)
        } else {
          bucket.request = try communicator.startAllReduce(values, .sum, owner: sum)
        }
      }
    }
  }
}
