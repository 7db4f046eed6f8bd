import MessagePassing
import Tensors

/// Sums gradients over all ranks in a code that loses bits (bf16, int8), with feedback of what was lost.
///
/// Of each element a rank sends the code twice at most, once to the rank that sums it and once as part of a sum; an exact
/// allreduce sends float32 as often. Pieces are on their way while backward goes on; the sums follow at its end. Tensors of
/// one axis, biases and the statistics of batch normalisation, are few bytes and travel exactly.
public final class CodedReducer: Reducer {
  private let communicator: Communicator
  private let code: any GradientCode
  private let bucketBytes: Int
  private let exact: GradientReducer
  private var tensors: [Tensor] = []
  private var buckets: [CodedBucket] = []
  private var places: [ObjectIdentifier: (bucket: Int, entry: Int)] = [:]
  private var added: Set<ObjectIdentifier> = []
  /// Buckets are started in this order on every rank, whatever order backward finishes them in.
  private var nextToStart = 0

  /// - Parameters:
  ///   - tensors: in the order of the network; every rank must pass the same.
  ///   - communicator: the ranks to sum over.
  ///   - code: how gradients are written.
  ///   - bucketBytes: bytes of float32 that are gathered before they are sent together.
  public init(
    _ tensors: [Tensor], over communicator: Communicator, code: any GradientCode, bucketBytes: Int = 4 << 20
  ) throws {
    (self.communicator, self.code, self.bucketBytes) = (communicator, code, bucketBytes)
    exact = try GradientReducer(tensors.filter { $0.rank < 2 }, over: communicator)
    try arrange(tensors)
  }

  public func begin(_ tensors: [Tensor]) throws {
    if nextToStart > 0 || !added.isEmpty {
      throw TensorError.stepLeftSums
    }
    for bucket in buckets { bucket.feedback.begin() }
    if !tensors.areSame(as: self.tensors) { try arrange(tensors) }
    try exact.begin(tensors.filter { $0.rank < 2 })
  }

  private func arrange(_ tensors: [Tensor]) throws {
    try tensors.requireFloats()
    let carried = carried
    (self.tensors, buckets, places) = (tensors, [], [:])
    var (entries, count): ([(tensor: Tensor, range: Range<Int>)], Int) = ([], 0)
    func close() {
      if !entries.isEmpty { buckets.append(CodedBucket(entries, over: communicator, code: code)) }
      (entries, count) = ([], 0)
    }
    for tensor in tensors.reversed() where tensor.rank >= 2 {
      if max(count, tensor.elementCount) * 4 >= bucketBytes { close() }
      places[ObjectIdentifier(tensor)] = (buckets.count, entries.count)
      entries.append((tensor, count..<count + tensor.elementCount))
      count += tensor.elementCount
    }
    close()
    for bucket in buckets {
      for (tensor, range) in bucket.entries {
        if let values = carried[ObjectIdentifier(tensor)] { _ = bucket.feedback.carried[range].update(from: values) }
      }
    }
  }

  /// What tensors that are summed further on carry over.
  var carried: [ObjectIdentifier: [Float]] {
    let all = buckets.flatMap { bucket in
      bucket.entries.map { (ObjectIdentifier($0.tensor), Array(bucket.feedback.carried[$0.range])) }
    }
    return Dictionary(all) { first, _ in first }
  }

  public func gradientReady(_ tensor: Tensor) throws {
    guard let place = places[ObjectIdentifier(tensor)] else { return }
    guard added.insert(ObjectIdentifier(tensor)).inserted else {
      throw TensorError("reduce", "a gradient of shape \(tensor.shape) was added twice in one step")
    }
    buckets[place.bucket].fill(place.entry)
    buckets[place.bucket].missing -= 1
    for bucket in buckets[..<nextToStart] { try bucket.advance() }
    try startFullBuckets()
  }

  public func complete() throws {
    for bucket in buckets {
      for (index, entry) in bucket.entries.enumerated() where !added.contains(ObjectIdentifier(entry.tensor)) {
        bucket.fill(index)
      }
      bucket.missing = 0
    }
    try startFullBuckets()
    try exact.complete()
  }

  public func finish() throws {
    for bucket in buckets { try bucket.sum() }
    for bucket in buckets { try bucket.finish() }
    try exact.finish()
    added.removeAll(keepingCapacity: true)
    nextToStart = 0
  }

  public func skip() { for bucket in buckets { bucket.feedback.skip() } }

  private func startFullBuckets() throws {
    while nextToStart < buckets.count, buckets[nextToStart].missing == 0 {
      nextToStart += 1
      try buckets[nextToStart - 1].start()
    }
  }
}
