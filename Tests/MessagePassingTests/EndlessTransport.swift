@testable import MessagePassing

/// A transport whose messages stay on their way.
final class EndlessTransport: Transport {
  private final class Endless: PendingTransfer {
    func wait() {}
    func test() -> Bool { false }
  }

  let rank = 0
  let size = 1
  private let real = AloneTransport()

  func barrier() {}
  func allReduce(_ message: Message, _ operation: ReductionOperation) {}
  func startAllReduce(_ message: Message, _ operation: ReductionOperation) -> any PendingTransfer { Endless() }
  func broadcast(_ message: Message, from root: Int) {}
  func gather(_ own: Message, counts: [Int], into all: Message, to root: Int?) {
    real.gather(own, counts: counts, into: all, to: root)
  }
  func duplicate() -> any Transport { EndlessTransport() }
  func split(color: Int32, key: Int32) -> any Transport { EndlessTransport() }
  func hostMemory(_ byteCount: Int) -> HostMemory? { nil }
  func send(_ message: Message, to peer: Int, tag: Int) throws { try real.send(message, to: peer, tag: tag) }
  func announcement(from peer: Int, tag: Int) throws -> (type: MessageType?, count: Int) {
    try real.announcement(from: peer, tag: tag)
  }
  func receive(into message: Message, from peer: Int, tag: Int) throws {
    try real.receive(into: message, from: peer, tag: tag)
  }
  func exchange(_ message: Message, into received: Message, with peer: Int, tag: Int) throws {
    try real.exchange(message, into: received, with: peer, tag: tag)
  }
}
