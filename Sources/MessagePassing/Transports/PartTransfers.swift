import CMPI
import Glibc
import Synchronization

/// How each transport carries messages between many pairs of ranks at once.
extension AloneTransport {
  func startMessages(sending: [(peer: Int, message: Message)], receiving: [(peer: Int, message: Message)])
    -> any PendingTransfer
  { CompleteTransfer() }
}

extension HubTransport {
  func startMessages(sending: [(peer: Int, message: Message)], receiving: [(peer: Int, message: Message)])
    -> any PendingTransfer
  {
    // Of no message that a program sends itself, and one for each start: whoever waits may do so in any order.
    let tag = -departures.add(1, ordering: .relaxed).newValue
    for (peer, message) in sending where message.count > 0 { send(message, to: peer, tag: tag) }
    return HubTransfer(self, receiving.filter { $0.message.count > 0 }, tag: tag)
  }
}

/// Messages that lie with the hub, or will; nothing waits before somebody asks for them.
private final class HubTransfer: PendingTransfer {
  private let transport: HubTransport
  private var pending: [(peer: Int, message: Message)]
  private let tag: Int

  init(_ transport: HubTransport, _ pending: [(peer: Int, message: Message)], tag: Int) {
    (self.transport, self.pending, self.tag) = (transport, pending, tag)
  }

  func wait() throws {
    while let (peer, message) = pending.first {
      try transport.receive(into: message, from: peer, tag: tag)
      pending.removeFirst()
    }
  }

  func test() throws -> Bool {
    while let (peer, message) = pending.first {
      guard transport.hasMessage(from: peer, tag: tag) else { return false }
      try transport.receive(into: message, from: peer, tag: tag)
      pending.removeFirst()
    }
    return true
  }
}

extension MPITransport {
  /// MPI promises tags up to 32767; of one tag and pair, messages arrive in the order in which they were sent, and all ranks
  /// start their collectives in one order.
  private static let tag: Int32 = 32767

  func startMessages(sending: [(peer: Int, message: Message)], receiving: [(peer: Int, message: Message)]) throws
    -> any PendingTransfer
  {
    let transfer = MessagesInFlight()
    for (peer, message) in receiving {
      try forEachPiece(of: message) { start, length in
        var request: MPI_Request?
        try call(MPI_Irecv(start, length, message.type.datatype, Int32(peer), Self.tag, handle, &request))
        transfer.pending.append(request)
      }
    }
    for (peer, message) in sending {
      try forEachPiece(of: message) { start, length in
        var request: MPI_Request?
        try call(MPI_Isend(start, length, message.type.datatype, Int32(peer), Self.tag, handle, &request))
        transfer.pending.append(request)
      }
    }
    return transfer
  }
}

/// Messages that MPI works on. Who waits lets go of MPI in between, so that sums round a ring go on meanwhile.
private final class MessagesInFlight: PendingTransfer {
  var pending: [MPI_Request?] = []

  func wait() throws { while try !test() { sched_yield() } }

  func test() throws -> Bool {
    var isComplete: Int32 = 1
    if !pending.isEmpty {
      try call(MPI_Testall(Int32(pending.count), &pending, &isComplete, cmpi_statuses_ignore()))
    }
    if isComplete != 0 { pending = [] }
    return isComplete != 0
  }
}
