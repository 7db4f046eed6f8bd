import MessagePassing
import Tensors

/// Gradients that travel together, in a code that loses bits.
///
/// Each rank sums one piece: it receives the others' code of it, adds them to its own gradients, whose every bit it has, and sends the
/// sum to all in the code. All ranks, the one that summed it as well, take what the code says: the same bits everywhere. Of a
/// piece that it sends, a rank carries over what its own code lost; of the piece that it sums, what the sum's lost.
final class CodedBucket: Bucket {
  let entries: [BucketEntry]
  let feedback: ErrorFeedback
  private let communicator: Communicator
  private let code: any GradientCode
  /// This rank's gradients with what was carried over, then the sum that all apply.
  private let memory: Tensor
  /// Of the elements, by rank; in bytes those of its code.
  private let pieces: [Range<Int>]
  private let byteCounts: [Int]
  private let outgoing, incoming, sums: Numbers<UInt8>
  private var request: Request?

  init(_ entries: [BucketEntry], over communicator: Communicator, code: any GradientCode) {
    (self.entries, self.communicator, self.code) = (entries, communicator, code)
    let (count, size) = (entries.last?.range.upperBound ?? 0, communicator.size)
    (memory, feedback) = (.zeros([count]), ErrorFeedback(count: count))
    let (blocks, block) = ((count + code.block - 1) / code.block, code.block)
    pieces = (0..<size).map {
      min(count, Sharding.share(blocks, $0, size) * block)..<min(count, Sharding.share(blocks, $0 + 1, size) * block)
    }
    byteCounts = pieces.map { [code] in code.byteCount(of: $0.count) }
    let (own, all) = (byteCounts[communicator.rank], byteCounts.reduce(0, +))
    outgoing = Numbers(count: all - own)
    incoming = Numbers(count: own * (size - 1))
    sums = Numbers(count: all)
  }

  private var rank: Int { communicator.rank }
  /// Bytes that go to each rank when the pieces are sent: none to oneself.
  private var sentCounts: [Int] { byteCounts.enumerated().map { $0.offset == rank ? 0 : $0.element } }

  func fill(_ entry: Int) { gather(entry, into: memory) }

  /// Sends the other ranks' pieces; all gradients are here.
  func start() throws {
    try memory.withFloats { values in
      feedback.add(to: values)
      var next = 0
      for peer in pieces.indices where peer != rank {
        encode(values, peer, into: outgoing[next..<next + byteCounts[peer]])
        next += byteCounts[peer]
      }
    }
    let received = pieces.indices.map { $0 == rank ? 0 : byteCounts[rank] }
    request = try communicator.startAllToAll(
      UnsafeBufferPointer(outgoing.values), counts: sentCounts, into: incoming.values, counts: received, owner: self)
  }

  /// Lets messages go on.
  func advance() throws { _ = try request?.test() }

  /// Adds up this rank's piece in the order of the ranks, its own first, and sends the sum.
  func sum() throws {
    try request?.wait()
    let (own, start) = (pieces[rank], byteCounts[..<rank].reduce(0, +))
    try memory.withFloats { values in
      let target = UnsafeMutableBufferPointer(rebasing: values[own])
      for part in 0..<pieces.count - 1 {
        let bytes = incoming[part * byteCounts[rank]..<(part + 1) * byteCounts[rank]]
        if let bytes = bytes.baseAddress { code.decode(bytes, into: target, adding: true) }
      }
      encode(values, rank, into: sums[start..<start + byteCounts[rank]])
    }
    request = try communicator.startAllGather(sums.values, counts: byteCounts, owner: self)
  }

  /// Leaves the tensors' gradients the sums.
  func finish() throws {
    try request?.wait()
    request = nil
    try memory.withFloats { values in
      var next = 0
      for (piece, bytes) in zip(pieces, byteCounts) {
        if let start = sums[next..<next + bytes].baseAddress {
          code.decode(start, into: UnsafeMutableBufferPointer(rebasing: values[piece]), adding: false)
        }
        next += bytes
      }
    }
    handOut(memory)
    feedback.finish()
  }

  private func encode(
    _ values: UnsafeMutableBufferPointer<Float>, _ piece: Int, into bytes: UnsafeMutableBufferPointer<UInt8>
  ) {
    let range = pieces[piece]
    guard let bytes = bytes.baseAddress, let loss = feedback.left[range].baseAddress else { return }
    code.encode(UnsafeBufferPointer(rebasing: values[range]), into: bytes, losing: loss)
  }
}
