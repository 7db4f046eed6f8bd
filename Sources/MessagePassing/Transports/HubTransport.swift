import Synchronization

/// Messages between ranks that are threads of one process. Sums are taken in the order of the ranks.
final class HubTransport: Transport {
  let rank: Int
  let size: Int
  private let hub: SimulatedHub
  private let channel: SimulatedHub.Channel
  /// The ranks in the job.
  private let members: [Int]
  private let meetings = Atomic<Int>(0)
  private let descendants = Atomic<Int>(0)
  /// Times that messages of many ranks at once were started.
  let departures = Atomic<Int>(0)

  init(_ hub: SimulatedHub, rank: Int, members: [Int], channel: SimulatedHub.Channel = .init()) {
    (self.hub, self.rank, size, self.members, self.channel) = (hub, rank, members.count, members, channel)
  }

  /// Everything that ranks do together: each brings a message and gets those of all.
  private func meet(_ message: Message) throws -> [SimulatedHub.Parcel] {
    let meeting = SimulatedHub.Meeting(
      channel: channel, sequence: meetings.add(1, ordering: .relaxed).newValue)
    return try hub.gather(message, meeting, rank: rank, members: members)
  }

  func barrier() throws { _ = try meet(Message(.uint8, nil, count: 0)) }

  func allReduce(_ message: Message, _ operation: ReductionOperation) throws {
    let parts = try meet(message)
    if let other = parts.firstIndex(where: { $0.type != message.type || $0.count != message.count }) {
      throw TransportFault(
        .mismatch,
        "rank \(rank) has \(message.count) \(message.type), rank \(other) has \(parts[other].count) "
          + "\(parts[other].type)")
    }
    switch message.type {
    case .float32: reduce(Float.self, message, parts, operation)
    case .float64: reduce(Double.self, message, parts, operation)
    case .int32: reduce(Int32.self, message, parts, operation)
    case .int64: reduce(Int64.self, message, parts, operation)
    case .uint8: reduce(UInt8.self, message, parts, operation)
    case .uint64: reduce(UInt64.self, message, parts, operation)
    }
  }

  private func reduce<T: MessageElement>(
    _ type: T.Type, _ message: Message, _ parts: [SimulatedHub.Parcel], _ operation: ReductionOperation
  ) {
    let result = message.bytes.assumingMemoryBound(to: T.self)
    message.bytes.copyBytes(from: parts[0].bytes)
    for part in parts.dropFirst() {
      part.bytes.withUnsafeBytes { bytes in
        let other = bytes.assumingMemoryBound(to: T.self)
        for index in result.indices { result[index] = T.reduced(result[index], other[index], operation) }
      }
    }
  }

  func startAllReduce(_ message: Message, _ operation: ReductionOperation) throws -> any PendingTransfer {
    try allReduce(message, operation)
    return CompleteTransfer()
  }

  func broadcast(_ message: Message, from root: Int) throws {
    try fill(message, from: meet(rank == root ? message : message[0..<0])[root])
  }

  func gather(_ own: Message, counts: [Int], into all: Message, to root: Int?) throws {
    let parts = try meet(own)
    guard root == nil || root == rank else { return }
    var next = 0
    for part in parts {
      guard next + part.count <= all.count else { throw TransportFault(.mismatch, "more elements than were announced") }
      all[next..<next + part.count].bytes.copyBytes(from: part.bytes)
      next += part.count
    }
  }

  func duplicate() -> any Transport { descendant(rank: rank, members: members, color: -1) }

  /// The ranks of a simulated job show what they do on no board, and read for themselves.
  func hostMemory(_ byteCount: Int) -> HostMemory? { nil }

  func split(color: Int32, key: Int32) throws -> any Transport {
    let choices = try gatherAlike([color, key])
    let part = choices.indices.filter { choices[$0][0] == color }.sorted { (choices[$0][1], $0) < (choices[$1][1], $1) }
    let place = part.firstIndex(of: rank) ?? 0
    return descendant(rank: place, members: part.map { members[$0] }, color: Int(color))
  }

  /// All ranks make their channels' descendants in one order, so the number names one on all of them.
  private func descendant(rank: Int, members: [Int], color: Int) -> any Transport {
    let number = descendants.add(1, ordering: .relaxed).newValue
    return HubTransport(hub, rank: rank, members: members, channel: .init(path: channel.path + [number, color]))
  }

  func send(_ message: Message, to peer: Int, tag: Int) { hub.post(message, box(from: rank, to: peer, tag)) }

  func announcement(from peer: Int, tag: Int) throws -> (type: MessageType?, count: Int) {
    let parcel = try hub.first(of: box(from: peer, to: rank, tag), taking: false, from: members[peer])
    return (parcel.type, parcel.count)
  }

  func receive(into message: Message, from peer: Int, tag: Int) throws {
    try fill(message, from: hub.first(of: box(from: peer, to: rank, tag), taking: true, from: members[peer]))
  }

  func exchange(_ message: Message, into received: Message, with peer: Int, tag: Int) throws {
    send(message, to: peer, tag: tag)
    try receive(into: received, from: peer, tag: tag)
  }

  func hasMessage(from peer: Int, tag: Int) -> Bool { hub.has(box(from: peer, to: rank, tag)) }

  private func box(from: Int, to: Int, _ tag: Int) -> SimulatedHub.Mailbox {
    SimulatedHub.Mailbox(channel: channel, from: from, to: to, tag: tag)
  }

  private func fill(_ message: Message, from parcel: SimulatedHub.Parcel) throws {
    guard parcel.type == message.type, parcel.count == message.count else {
      throw TransportFault(
        .mismatch, "expected \(message.count) \(message.type), found \(parcel.count) \(parcel.type)")
    }
    message.bytes.copyBytes(from: parcel.bytes)
  }
}
