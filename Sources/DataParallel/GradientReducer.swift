import MessagePassing
import Tensors

/// Sums gradients over all ranks while backward is still computing others.
///
/// Parameters are grouped in buckets in the order in which backward finishes them, the last layer's first. `gradientReady` copies a
/// finished gradient into its bucket and starts the bucket's allreduce once it is full; `finish` waits for all of them and
/// leaves each parameter's `gradient` a view of the sum. A rank whose shard is empty calls `finish` alone and contributes
/// zeros, so that every rank issues the same collectives. Large buckets are reduced at once by blocking calls, which are
/// several times faster there, and a parameter that fills a bucket alone is summed where its gradient lies.
///
/// The losses' seeds divide by the global number of samples, so that the plain sum is the mean over the global batch.
public final class GradientReducer: Reducer {
  private final class Bucket {
    var entries: [(parameter: Tensor, range: Range<Int>)] = []
    var count = 0
    /// Nil for a single large parameter.
    var memory: Tensor?
    var missing = 0
    var request: Request?
  }

  /// Elements from which on an allreduce blocks.
  private static let blockingCount = Communicator.allReducePiece

  private let communicator: Communicator
  private var buckets: [Bucket] = []
  private var places: [ObjectIdentifier: (bucket: Int, entry: Int)] = [:]
  private var added: Set<ObjectIdentifier> = []
  /// Buckets are started in this order on every rank, whatever order backward finishes them in.
  private var nextToStart = 0
  private let signalCount: Int
  /// Extra numbers that travel with the last bucket, summed over the ranks by `finish`. Set them before the step's last
  /// `gradientReady`, which may start that bucket.
  public var signals: [Float]
  private var totals: [Double] = []

  /// - Parameters:
  ///   - parameters: in the order of the network; every rank must pass the same.
  ///   - bucketBytes: gradients are gathered until an allreduce carries this many bytes.
  public init(
    _ parameters: [Tensor], over communicator: Communicator, bucketBytes: Int = 4 << 20, signalCount: Int = 0
  ) throws {
    self.communicator = communicator
    self.signalCount = signalCount
    signals = [Float](repeating: 0, count: signalCount)
    var bucket = Bucket()
    for parameter in parameters.reversed() {
      if bucket.count > 0 && max(bucket.count, parameter.elementCount) * 4 >= bucketBytes {
        buckets.append(bucket)
        bucket = Bucket()
      }
      places[ObjectIdentifier(parameter)] = (buckets.count, bucket.entries.count)
      bucket.entries.append((parameter, bucket.count..<bucket.count + parameter.elementCount))
      bucket.count += parameter.elementCount
    }
    buckets.append(bucket)
    for (index, bucket) in buckets.enumerated() {
      let isLast = index == buckets.count - 1
      if isLast || bucket.entries.count > 1 || bucket.count <= Self.blockingCount {
        bucket.memory = .zeros([bucket.count + (isLast ? signalCount : 0)])
      }
      bucket.missing = bucket.entries.count
    }
  }

  public var bucketCount: Int { buckets.count }

  /// Takes a parameter's finished gradient; called once per parameter and step, when backward is done with it.
  public func gradientReady(_ parameter: Tensor) throws {
    if communicator.size == 1 { return }
    guard let place = places[ObjectIdentifier(parameter)] else { return }
    guard added.insert(ObjectIdentifier(parameter)).inserted else {
      throw TensorError("reduce", "a gradient of shape \(parameter.shape) was added twice in one step")
    }
    let bucket = buckets[place.bucket]
    try fill(bucket, place.entry)
    bucket.missing -= 1
    try startFullBuckets()
  }

  public func sliceFinished(_ totals: [Double]) throws {
    self.totals = self.totals.isEmpty ? totals : zip(self.totals, totals).map { $0 + $1 }
  }

  /// Waits for all sums; gradients that were not added count as zero.
  public func finish() throws -> [Double] {
    defer { totals = [] }
    if communicator.size == 1 { return totals }
    for bucket in buckets {
      for (entry, (parameter, _)) in bucket.entries.enumerated() where !added.contains(ObjectIdentifier(parameter)) {
        try fill(bucket, entry)
      }
      bucket.missing = 0
    }
    try startFullBuckets()
    for bucket in buckets {
      try bucket.request?.wait()
      bucket.request = nil
      bucket.missing = bucket.entries.count
      guard let memory = bucket.memory else { continue }
      for (parameter, range) in bucket.entries {
        parameter.gradient = memory[range].reshaped(parameter.shape)
      }
    }
    try readSignals()
    added.removeAll(keepingCapacity: true)
    nextToStart = 0
    return totals
  }

  private func fill(_ bucket: Bucket, _ entry: Int) throws {
    let (parameter, range) = bucket.entries[entry]
    guard let memory = bucket.memory else {
      parameter.gradient = parameter.gradient ?? .zeros(parameter.shape)
      return
    }
    let target = memory[range]
    if let gradient = parameter.gradient {
      target.reshaped(parameter.shape).assign(gradient)
    } else {
      target.fill(0)
    }
  }

  private func startFullBuckets() throws {
    while nextToStart < buckets.count, buckets[nextToStart].missing == 0 {
      let bucket = buckets[nextToStart]
      if nextToStart == buckets.count - 1 { try writeSignals() }
      let sum = bucket.memory ?? bucket.entries[0].parameter.gradient
      try sum?.withFloats { values in
        if values.count > Self.blockingCount {
          try communicator.allReduce(values, .sum)
        } else {
          bucket.request = try communicator.startAllReduce(values, .sum)
        }
      }
      nextToStart += 1
    }
  }

  private func writeSignals() throws {
    try buckets.last?.memory?.withFloats { values in
      for index in 0..<signalCount { values[values.count - signalCount + index] = signals[index] }
    }
  }

  private func readSignals() throws {
    try buckets.last?.memory?.withFloats { values in
      signals = Array(values.suffix(signalCount))
    }
  }
}
