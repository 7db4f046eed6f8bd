/// One rank and nobody to talk to: a collective's result is what the rank gave.
final class AloneTransport: Transport {
  let rank = 0
  let size = 1

  func barrier() {}
  func allReduce(_ message: Message, _ operation: ReductionOperation) {}
  func startAllReduce(_ message: Message, _ operation: ReductionOperation) -> any PendingTransfer { CompleteTransfer() }
  func broadcast(_ message: Message, from root: Int) {}
  func gather(_ own: Message, counts: [Int], into all: Message, to root: Int?) {
    all.bytes.copyMemory(from: UnsafeRawBufferPointer(own.bytes))
  }
  func duplicate() -> any Transport { AloneTransport() }
  func split(color: Int32, key: Int32) -> any Transport { AloneTransport() }
  func hostMemory(_ byteCount: Int) -> HostMemory? { nil }

  // There is no other rank: the communicator refuses before it comes to these.
  func send(_ message: Message, to peer: Int, tag: Int) throws { throw nobody }
  func announcement(from peer: Int, tag: Int) throws -> (type: MessageType?, count: Int) { throw nobody }
  func receive(into message: Message, from peer: Int, tag: Int) throws { throw nobody }
  func exchange(_ message: Message, into received: Message, with peer: Int, tag: Int) throws { throw nobody }

  private var nobody: TransportFault { TransportFault(.invalidArgument, "there is no other rank") }
}
