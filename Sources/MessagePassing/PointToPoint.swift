// Messages between two ranks.
extension Communicator {
  /// Sends values to another rank; may wait until that rank receives. `tag`: 0 ... 32767.
  public func send<T: MessageElement>(_ values: UnsafeBufferPointer<T>, to destination: Int, tag: Int = 0) throws {
    try transfer(.send, "to", peer: destination, tag: tag) {
      try transport.send(Message(values), to: destination, tag: tag)
    }
  }

  /// Sends an array to another rank; may wait until that rank receives. `tag`: 0 ... 32767.
  public func send<T: MessageElement>(_ values: [T], to destination: Int, tag: Int = 0) throws {
    try values.withUnsafeBufferPointer { try send($0, to: destination, tag: tag) }
  }

  /// Receives exactly `buffer.count` elements from another rank; throws if it sent another count or type.
  public func receive<T: MessageElement>(
    into buffer: UnsafeMutableBufferPointer<T>, from source: Int, tag: Int = 0
  ) throws {
    try transfer(.receive, "from", peer: source, tag: tag) {
      let count = try announcedCount(T.messageType, from: source, tag: tag)
      guard count == buffer.count else {
        throw TransportFault(.mismatch, "expected \(buffer.count) elements, found \(count)")
      }
      try transport.receive(into: Message(buffer), from: source, tag: tag)
    }
  }

  /// Receives as many elements as the other rank sends; throws if they are of another type.
  public func receive<T: MessageElement>(_ type: T.Type = T.self, from source: Int, tag: Int = 0) throws -> [T] {
    try transfer(.receive, "from", peer: source, tag: tag) {
      let count = try announcedCount(T.messageType, from: source, tag: tag)
      return try [T](unsafeUninitializedCapacity: count) { buffer, filled in
        let place = UnsafeMutableBufferPointer(rebasing: buffer[..<count])
        try transport.receive(into: Message(place), from: source, tag: tag)
        filled = count
      }
    }
  }

  private func announcedCount(_ type: MessageType, from source: Int, tag: Int) throws -> Int {
    let (found, count) = try transport.announcement(from: source, tag: tag)
    guard found == type, count >= 0 else {
      throw TransportFault(
        .mismatch, "expected \(type), found \(found.map { "\($0)" } ?? "no message of Lockstep's")")
    }
    return count
  }

  /// Sends values to a rank and receives as many from it, both at once.
  public func exchange<T: MessageElement>(
    _ values: UnsafeBufferPointer<T>, into buffer: UnsafeMutableBufferPointer<T>, with peer: Int, tag: Int = 0
  ) throws {
    try transfer(.exchange, "with", peer: peer, tag: tag) {
      guard values.count == buffer.count else {
        throw TransportFault(.invalidArgument, "sends \(values.count) elements for \(buffer.count)")
      }
      try transport.exchange(Message(values), into: Message(buffer), with: peer, tag: tag)
    }
  }
}
