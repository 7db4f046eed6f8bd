import CMPI

// Messages between two ranks. Each is preceded by a header of two numbers, type and element count, so that the receiver
// can refuse a message that is not what it expects instead of reading it wrongly.
extension Communicator {
  /// Sends values to another rank; may wait until that rank receives. `tag`: 0 ... 32767.
  public func send<T: MessageElement>(_ values: UnsafeBufferPointer<T>, to destination: Int, tag: Int = 0) throws {
    try transfer(.send, peer: destination, tag: tag) { handle, peer, tag in
      let header = [Int64(T.messageType.rawValue), Int64(values.count)]
      let name = "send to rank \(destination)"
      try check(MPI_Send(header, 2, MessageType.int64.datatype, peer, tag, handle), name, rank: rank)
      guard let start = values.baseAddress else { return }
      try forEachPiece(of: values.count) { offset, length in
        let status = MPI_Send(start + offset, length, T.messageType.datatype, peer, tag, handle)
        try check(status, name, rank: rank)
      }
    }
    hub?.post(Array(UnsafeRawBufferPointer(values)), from: rank, to: destination, tag: tag)
  }

  public func send<T: MessageElement>(_ values: [T], to destination: Int, tag: Int = 0) throws {
    try values.withUnsafeBufferPointer { try send($0, to: destination, tag: tag) }
  }

  /// Receives exactly `buffer.count` elements from another rank; throws if it sent another count or type.
  public func receive<T: MessageElement>(
    into buffer: UnsafeMutableBufferPointer<T>, from source: Int, tag: Int = 0
  ) throws {
    try transfer(.receive, peer: source, tag: tag) { handle, peer, tag in
      let count = try receiveHeader(T.messageType, from: peer, tag: tag, on: handle)
      guard count == buffer.count else {
        throw MessagePassingError(
          .mismatch, "receive from rank \(source)", "expected \(buffer.count) elements, found \(count)", rank: rank)
      }
      try receivePieces(into: buffer, from: peer, tag: tag, on: handle)
    }
    try hub?.receive(into: buffer, from: source, to: rank, tag: tag)
  }

  /// Receives as many elements as the other rank sends; throws if they are of another type.
  public func receive<T: MessageElement>(_ type: T.Type = T.self, from source: Int, tag: Int = 0) throws -> [T] {
    var result: [T] = []
    try transfer(.receive, peer: source, tag: tag) { handle, peer, tag in
      let count = try receiveHeader(T.messageType, from: peer, tag: tag, on: handle)
      result = try [T](unsafeUninitializedCapacity: count) { buffer, filled in
        try receivePieces(into: .init(rebasing: buffer[..<count]), from: peer, tag: tag, on: handle)
        filled = count
      }
    }
    if let hub { result = SimulatedHub.elements(try hub.take(from: source, to: rank, tag: tag)) }
    return result
  }

  private func receiveHeader(_ type: MessageType, from peer: Int32, tag: Int32, on handle: MPI_Comm) throws -> Int {
    var header: [Int64] = [0, 0]
    let name = "receive from rank \(peer)"
    let status = MPI_Recv(&header, 2, MessageType.int64.datatype, peer, tag, handle, cmpi_status_ignore())
    try check(status, name, rank: rank)
    guard header[0] == Int64(type.rawValue), let count = Int(exactly: header[1]), count >= 0 else {
      let found = UInt8(exactly: header[0]).flatMap { MessageType(rawValue: $0) }
      throw MessagePassingError(
        .mismatch, name, "expected \(type), found \(found.map { "\($0)" } ?? "no message of Lockstep's")", rank: rank)
    }
    return count
  }

  private func receivePieces<T: MessageElement>(
    into buffer: UnsafeMutableBufferPointer<T>, from peer: Int32, tag: Int32, on handle: MPI_Comm
  ) throws {
    guard let start = buffer.baseAddress else { return }
    try forEachPiece(of: buffer.count) { offset, length in
      let status = MPI_Recv(
        start + offset, length, T.messageType.datatype, peer, tag, handle, cmpi_status_ignore())
      try check(status, "receive from rank \(peer)", rank: rank)
    }
  }
}

extension Communicator {
  /// Sends values to a rank and receives as many from it, both at once.
  public func exchange<T: MessageElement>(
    _ values: UnsafeBufferPointer<T>, into buffer: UnsafeMutableBufferPointer<T>, with peer: Int, tag: Int = 0
  ) throws {
    guard values.count == buffer.count else {
      throw MessagePassingError(
        .invalidArgument, "exchange with rank \(peer)", "sends \(values.count) elements for \(buffer.count)", rank: rank
      )
    }
    try transfer(.exchange, peer: peer, tag: tag) { handle, peer, tag in
      guard let from = values.baseAddress, let to = buffer.baseAddress else { return }
      try forEachPiece(of: values.count) { offset, length in
        let type = T.messageType.datatype
        let status = MPI_Sendrecv(
          from + offset, length, type, peer, tag, to + offset, length, type, peer, tag, handle, cmpi_status_ignore())
        try check(status, "exchange with rank \(peer)", rank: rank)
      }
    }
    hub?.post(Array(UnsafeRawBufferPointer(values)), from: rank, to: peer, tag: tag)
    try hub?.receive(into: buffer, from: peer, to: rank, tag: tag)
  }
}
