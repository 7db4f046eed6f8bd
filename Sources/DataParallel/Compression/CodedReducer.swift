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
  private var buckets = Buckets<CodedBucket>([])

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
    try buckets.requireEnded()
    for bucket in buckets.all { bucket.feedback.begin() }
    if !tensors.areSame(as: self.tensors) { try arrange(tensors) }
    try exact.begin(tensors.filter { $0.rank < 2 })
  }

  private func arrange(_ tensors: [Tensor]) throws {
    try tensors.requireFloats()
    let carried = carried
    self.tensors = tensors
    let groups = tensors.filter { $0.rank >= 2 }.bucketEntries(bytes: bucketBytes)
    buckets = Buckets(groups.map { CodedBucket($0, over: communicator, code: code) })
    for bucket in buckets.all {
      for (tensor, range) in bucket.entries {
        if let values = carried[ObjectIdentifier(tensor)] { _ = bucket.feedback.carried[range].update(from: values) }
      }
    }
  }

  /// What tensors that are summed further on carry over.
  var carried: [ObjectIdentifier: [Float]] {
    let all = buckets.all.flatMap { bucket in
      bucket.entries.map { (ObjectIdentifier($0.tensor), Array(bucket.feedback.carried[$0.range])) }
    }
    return Dictionary(all) { first, _ in first }
  }

  public func gradientReady(_ tensor: Tensor) throws {
    for bucket in buckets.started { try bucket.advance() }
    try buckets.add(tensor)
  }

  public func complete() throws {
    try buckets.complete()
    try exact.complete()
  }

  public func finish() throws {
    for bucket in buckets.all { try bucket.sum() }
    for bucket in buckets.all { try bucket.finish() }
    try exact.finish()
    buckets.end()
  }

  public func skip() { for bucket in buckets.all { bucket.feedback.skip() } }
}
