import MessagePassing
import Tensors

/// Sums gradients over all ranks, to the last bit of float32, while backward is still computing others.
///
/// Tensors are grouped in buckets in the order in which backward finishes them. `gradientReady` copies a finished gradient into
/// its bucket and starts the bucket's allreduce once it is full; `finish` waits for all of them and leaves each tensor's
/// `gradient` a view of the sum. Between hosts the sums go on while backward computes, so buckets are small, the first above
/// all; on one host nothing goes on by itself, and large buckets are summed at once. A tensor that has a bucket alone is summed
/// where its gradient lies: on one host any large one has, for there a copy takes as long as the sum.
public final class GradientReducer: Reducer {
  /// In which order ranks are added.
  enum Order {
    /// Whichever is the fastest for the size.
    case any
    /// The tree of pairs of ranks, where `Communicator.sumsInTree`.
    case tree
  }

  private let communicator: Communicator
  private let order: Order
  /// Bytes from which on a bucket is full, the same of the first one, and from which on a tensor has one alone.
  private let bucketBytes, firstBucketBytes, aloneBytes: Int
  private var tensors: [Tensor] = []
  private var buckets = Buckets<SumBucket>([])

  /// - Parameters:
  ///   - tensors: in the order of the network; every rank must pass the same.
  ///   - communicator: the ranks to sum over.
  ///   - bucketBytes: gradients are gathered until an allreduce carries this many bytes; by the network unless given.
  public convenience init(_ tensors: [Tensor], over communicator: Communicator, bucketBytes: Int? = nil) throws {
    try self.init(tensors, over: communicator, .any, bucketBytes: bucketBytes)
  }

  init(_ tensors: [Tensor], over communicator: Communicator, _ order: Order, bucketBytes: Int? = nil) throws {
    (self.communicator, self.order) = (communicator, order)
    let isBackground = communicator.sumsInBackground
    self.bucketBytes = bucketBytes ?? (isBackground ? 1 << 20 : 4 << 20)
    firstBucketBytes = bucketBytes ?? (isBackground ? 1 << 18 : 4 << 20)
    aloneBytes = isBackground ? Communicator.allReducePiece * 4 + 4 : bucketBytes ?? 1 << 18
    arrange(tensors)
  }

  /// How many allreduces a step takes.
  public var bucketCount: Int { buckets.all.count }

  /// Arranges the buckets anew where other tensors are summed than in the step before: some were frozen or freed since.
  public func begin(_ tensors: [Tensor]) throws {
    try buckets.requireEnded()
    if !tensors.areSame(as: self.tensors) { arrange(tensors) }
  }

  private func arrange(_ tensors: [Tensor]) {
    self.tensors = tensors
    let groups = tensors.bucketEntries(bytes: bucketBytes, first: firstBucketBytes, alone: aloneBytes)
    buckets = Buckets(
      groups.map { entries in
        let isAlone = entries.count == 1 && entries[0].tensor.elementCount * 4 >= aloneBytes
        return SumBucket(entries, inPlace: isAlone, over: communicator, order)
      })
  }

  public func gradientReady(_ tensor: Tensor) throws { try buckets.add(tensor) }

  public func complete() throws { try buckets.complete() }

  public func finish() throws {
    for bucket in buckets.all { try bucket.finish() }
    buckets.end()
  }
}

/// Gradients that are summed by one allreduce.
private final class SumBucket: Bucket {
  let entries: [BucketEntry]
  /// Nil where the only gradient is summed in its own memory.
  private let memory: Tensor?
  private let communicator: Communicator
  private let order: GradientReducer.Order
  private var request: Request?

  init(_ entries: [BucketEntry], inPlace: Bool, over communicator: Communicator, _ order: GradientReducer.Order) {
    (self.entries, self.communicator, self.order) = (entries, communicator, order)
    memory = inPlace ? nil : .zeros([entries.last?.range.upperBound ?? 0])
  }

  func fill(_ entry: Int) throws {
    if let memory { return gather(entry, into: memory) }
    // It is summed where it lies, and no other name of it may see that.
    let tensor = entries[entry].tensor
    tensor.gradient = tensor.gradient?.packed() ?? .zeros(tensor.shape)
  }

  func start() throws {
    guard let sum = memory ?? entries[0].tensor.gradient else { return }
    try sum.withFloats { values in
      let waits = values.count > Communicator.allReducePiece && !communicator.sumsInBackground
      if order == .tree {
        request = try communicator.startTreeSum(values, owner: sum)
        if waits { try request?.wait() }
      } else if waits {
        try communicator.allReduce(values, .sum)
      } else {
        request = try communicator.startAllReduce(values, .sum, owner: sum)
      }
    }
  }

  /// Waits for the sum, and leaves the tensors' gradients views of it.
  func finish() throws {
    try request?.wait()
    request = nil
    if let memory { handOut(memory) }
  }
}
