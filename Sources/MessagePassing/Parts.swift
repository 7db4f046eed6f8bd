// Collectives in which each rank has a part of its own: what sums of another kind than the transport's are made of.
extension Communicator {
  /// Starts to send every rank a part of `values`, `counts[rank]` elements, one rank's behind the other's, and to receive a part
  /// from every rank: `receivedCounts[rank]` elements, in `received` behind each other. Rank a's count for rank b must be what b
  /// expects of a. Both memories stay untouched until the request is complete; `owner` holds them.
  public func startAllToAll<T: MessageElement>(
    _ values: UnsafeBufferPointer<T>, counts: [Int], into received: UnsafeMutableBufferPointer<T>,
    counts receivedCounts: [Int], owner: AnyObject? = nil
  ) throws -> Request {
    // Counts may differ from rank to rank.
    try collective(CollectiveCall(.allToAll, T.messageType), isStarted: true) {
      let start = timeline?.now
      let sending = try parts(Message(values), counts)
      let receiving = try parts(Message(received), receivedCounts)
      guard sending[rank].count == receiving[rank].count else {
        throw TransportFault(.invalidArgument, "keeps \(sending[rank].count) elements for \(receiving[rank].count)")
      }
      receiving[rank].bytes.copyBytes(from: sending[rank].bytes)
      let peers = (0..<size).filter { $0 != rank }
      let transfer = try transport.startMessages(
        sending: peers.map { ($0, sending[$0]) }, receiving: peers.map { ($0, receiving[$0]) })
      let call = CollectiveCall(.allToAll, T.messageType, count: values.count)
      return Request(transfer, call, from: start, sequence: collectiveCount, of: self, owner: owner)
    }
  }

  /// Starts to bring together what every rank has of `all`, `counts[rank]` elements, one rank's behind the other's: each
  /// rank's own lie at their place when it calls. The memory stays untouched until the request is complete; `owner` holds it.
  public func startAllGather<T: MessageElement>(
    _ all: UnsafeMutableBufferPointer<T>, counts: [Int], owner: AnyObject? = nil
  ) throws -> Request {
    let call = CollectiveCall(.allGather, T.messageType, count: all.count)
    return try collective(call, isStarted: true) {
      let start = timeline?.now
      let parts = try parts(Message(all), counts)
      let peers = (0..<size).filter { $0 != rank }
      let transfer = try transport.startMessages(
        sending: peers.map { ($0, parts[rank]) }, receiving: peers.map { ($0, parts[$0]) })
      return Request(transfer, call, from: start, sequence: collectiveCount, of: self, owner: owner)
    }
  }

  /// One for each rank.
  private func parts(_ message: Message, _ counts: [Int]) throws -> [Message] {
    guard counts.count == size, counts.allSatisfy({ $0 >= 0 }), counts.reduce(0, +) == message.count else {
      throw TransportFault(.invalidArgument, "parts of \(counts) for \(message.count) elements and \(size) ranks")
    }
    var next = 0
    return counts.map { count in
      defer { next += count }
      return message[next..<next + count]
    }
  }
}
