import Tensors

/// Gradients that travel together.
protocol Bucket: AnyObject {
  /// Where in it each tensor's gradient lies.
  var entries: [BucketEntry] { get }
  /// Takes the gradient of one of them, zeros where it has none.
  func fill(_ entry: Int) throws
  /// Sends them on their way: all are here.
  func start() throws
}

extension Bucket {
  /// Copies a tensor's gradient to its place in the bucket's memory, zeros where it has none.
  func gather(_ entry: Int, into memory: Tensor) {
    let (tensor, range) = entries[entry]
    if let gradient = tensor.gradient {
      memory[range].reshaped(tensor.shape).assign(gradient)
    } else {
      memory[range].fill(0)
    }
  }

  /// Leaves each tensor's gradient a view of the bucket's memory.
  func handOut(_ memory: Tensor) {
    for (tensor, range) in entries { tensor.gradient = memory[range].reshaped(tensor.shape) }
  }
}

typealias BucketEntry = (tensor: Tensor, range: Range<Int>)

/// A step's buckets. They are started in one order on every rank, whatever order backward finishes gradients in.
struct Buckets<Member: Bucket> {
  let all: [Member]
  private let places: [ObjectIdentifier: (bucket: Int, entry: Int)]
  /// Gradients that are not here yet, by bucket.
  private var missing: [Int]
  private var added: Set<ObjectIdentifier> = []
  private var nextToStart = 0

  init(_ buckets: [Member]) {
    all = buckets
    missing = buckets.map(\.entries.count)
    let places = buckets.enumerated().flatMap { bucket, member in
      member.entries.enumerated().map { (ObjectIdentifier($1.tensor), (bucket: bucket, entry: $0)) }
    }
    self.places = Dictionary(places) { _, last in last }
  }

  /// Those whose gradients are on their way.
  var started: ArraySlice<Member> { all[..<nextToStart] }

  /// Another step may begin only where the last one has come to its end.
  func requireEnded() throws {
    if nextToStart > 0 || !added.isEmpty { throw TensorError.stepLeftSums }
  }

  /// Takes a tensor's gradient, at most once a step; a tensor of no bucket is none of its business.
  mutating func add(_ tensor: Tensor) throws {
    guard let place = places[ObjectIdentifier(tensor)] else { return }
    guard added.insert(ObjectIdentifier(tensor)).inserted else {
      throw TensorError("reduce", "a gradient of shape \(tensor.shape) was added twice in one step")
    }
    try all[place.bucket].fill(place.entry)
    missing[place.bucket] -= 1
    try startFull()
  }

  /// Fills what is left: a rank whose shard is empty contributes zeros, so that every rank issues the same collectives.
  mutating func complete() throws {
    for (index, bucket) in all.enumerated() {
      for (entry, (tensor, _)) in bucket.entries.enumerated() where !added.contains(ObjectIdentifier(tensor)) {
        try bucket.fill(entry)
      }
      missing[index] = 0
    }
    try startFull()
  }

  /// The step has come to its end.
  mutating func end() {
    missing = all.map(\.entries.count)
    added.removeAll(keepingCapacity: true)
    nextToStart = 0
  }

  private mutating func startFull() throws {
    while nextToStart < all.count, missing[nextToStart] == 0 {
      nextToStart += 1
      try all[nextToStart - 1].start()
    }
  }
}

extension [Tensor] {
  /// What is gathered into one bucket each, in the order in which backward finishes tensors: the last layer's first.
  ///
  /// - Parameters:
  ///   - bytes: of float32, from which on a bucket is full.
  ///   - first: the same of the first bucket, `bytes` unless given.
  ///   - alone: bytes from which on a tensor shares its bucket with none.
  func bucketEntries(bytes: Int, first: Int? = nil, alone: Int = .max) -> [[BucketEntry]] {
    func isAlone(_ tensor: Tensor) -> Bool { tensor.elementCount * 4 >= alone }
    var groups: [[BucketEntry]] = []
    var (group, count): ([BucketEntry], Int) = ([], 0)
    for tensor in reversed() {
      let isFull = Swift.max(count, tensor.elementCount) * 4 >= (groups.isEmpty ? first ?? bytes : bytes)
      if count > 0, isFull || isAlone(tensor) || group.contains(where: { isAlone($0.tensor) }) {
        groups.append(group)
        (group, count) = ([], 0)
      }
      group.append((tensor, count..<count + tensor.elementCount))
      count += tensor.elementCount
    }
    return group.isEmpty ? groups : groups + [group]
  }
}
