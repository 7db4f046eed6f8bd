import Synchronization

@testable import MessagePassing

/// Counts what a rank sends through another transport: of an allreduce what a ring sends.
final class CountingTransport: Transport {
  private let real: any Transport
  private let sent = Atomic<Int>(0)
  var bytes: Int { sent.load(ordering: .relaxed) }

  init(_ real: any Transport) { self.real = real }

  private func count(_ bytes: Int) { sent.add(bytes, ordering: .relaxed) }

  var rank: Int { real.rank }
  var size: Int { real.size }
  func barrier() throws { try real.barrier() }
  func allReduce(_ message: Message, _ operation: ReductionOperation) throws {
    count(2 * message.byteCount * (size - 1) / size)
    try real.allReduce(message, operation)
  }
  func startAllReduce(_ message: Message, _ operation: ReductionOperation) throws -> any PendingTransfer {
    count(2 * message.byteCount * (size - 1) / size)
    return try real.startAllReduce(message, operation)
  }
  func broadcast(_ message: Message, from root: Int) throws { try real.broadcast(message, from: root) }
  func gather(_ own: Message, counts: [Int], into all: Message, to root: Int?) throws {
    count(own.byteCount * (size - 1))
    try real.gather(own, counts: counts, into: all, to: root)
  }
  func startMessages(sending: [(peer: Int, message: Message)], receiving: [(peer: Int, message: Message)]) throws
    -> any PendingTransfer
  {
    count(sending.reduce(0) { $0 + $1.message.byteCount })
    return try real.startMessages(sending: sending, receiving: receiving)
  }
  func duplicate() throws -> any Transport { try real.duplicate() }
  func split(color: Int32, key: Int32) throws -> any Transport { try real.split(color: color, key: key) }
  func hostMemory(_ byteCount: Int) throws -> HostMemory? { try real.hostMemory(byteCount) }
  func send(_ message: Message, to peer: Int, tag: Int) throws {
    count(message.byteCount)
    try real.send(message, to: peer, tag: tag)
  }
  func announcement(from peer: Int, tag: Int) throws -> (type: MessageType?, count: Int) {
    try real.announcement(from: peer, tag: tag)
  }
  func receive(into message: Message, from peer: Int, tag: Int) throws {
    try real.receive(into: message, from: peer, tag: tag)
  }
  func exchange(_ message: Message, into received: Message, with peer: Int, tag: Int) throws {
    count(message.byteCount)
    try real.exchange(message, into: received, with: peer, tag: tag)
  }
}
