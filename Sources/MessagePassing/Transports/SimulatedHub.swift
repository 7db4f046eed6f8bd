import Glibc

/// Where simulated ranks leave messages for each other.
final class SimulatedHub: @unchecked Sendable {
  /// A group of ranks that are threads: the job, a duplicate or a part of it. Duplicates and parts are told apart by the
  /// path of calls that led to them, which is the same on all their ranks.
  struct Channel: Hashable, Sendable { var path: [Int] = [] }

  struct Mailbox: Hashable {
    let channel: Channel
    let from, to, tag: Int
  }

  struct Meeting: Hashable {
    let channel: Channel
    let sequence: Int
  }

  /// Elements of a type, as bytes.
  struct Parcel {
    let type: MessageType
    let bytes: [UInt8]
    var count: Int { bytes.count / type.byteCount }

    init(_ message: Message) { (type, bytes) = (message.type, Array(message.bytes)) }
  }

  private var lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private var changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  // All below is guarded by the lock.
  private var gathered: [Meeting: [Parcel?]] = [:]
  private var takenCount: [Meeting: Int] = [:]
  private var mail: [Mailbox: [Parcel]] = [:]
  private(set) var error: (any Error)?
  private var ended: Set<Int> = []

  init() {
    pthread_mutex_init(lock, nil)
    pthread_cond_init(changed, nil)
  }

  deinit {
    pthread_mutex_destroy(lock)
    pthread_cond_destroy(changed)
    lock.deallocate()
    changed.deallocate()
  }

  func fail(_ error: any Error) {
    locked {
      if self.error == nil { self.error = error }
      pthread_cond_broadcast(changed)
    }
  }

  /// A rank of the job that no one needs to wait for any more.
  func end(_ rank: Int) {
    locked {
      ended.insert(rank)
      pthread_cond_broadcast(changed)
    }
  }

  /// What every rank brings to a meeting, in the order of the ranks.
  ///
  /// - Parameter members: the ranks in the job.
  func gather(_ message: Message, _ meeting: Meeting, rank: Int, members: [Int]) throws -> [Parcel] {
    let own = Parcel(message)
    return try locked {
      gathered[meeting, default: [Parcel?](repeating: nil, count: members.count)][rank] = own
      pthread_cond_broadcast(changed)
      let all = try wait(
        { gathered[meeting].flatMap { $0.contains { $0 == nil } ? nil : $0.compactMap { $0 } } },
        for: { gathered[meeting]?.indices.filter { gathered[meeting]?[$0] == nil }.map { members[$0] } ?? [] })
      takenCount[meeting, default: 0] += 1
      if takenCount[meeting] == members.count {
        gathered[meeting] = nil
        takenCount[meeting] = nil
      }
      return all
    }
  }

  func post(_ message: Message, _ box: Mailbox) {
    let own = Parcel(message)
    locked {
      mail[box, default: []].append(own)
      pthread_cond_broadcast(changed)
    }
  }

  /// The first message of a mailbox, which stays there or is taken out.
  func first(of box: Mailbox, taking: Bool, from sender: Int) throws -> Parcel {
    try locked {
      try wait(
        {
          guard let parcel = mail[box]?.first else { return nil }
          if taking { mail[box]?.removeFirst() }
          return parcel
        }, for: { [sender] })
    }
  }

  /// Whether a mailbox has a message, or none can come any more.
  func has(_ box: Mailbox) -> Bool { locked { mail[box]?.isEmpty == false || error != nil } }

  /// Waits until there is a value, or none can come: a rank has failed, or one of `missing` has ended.
  private func wait<Value>(_ value: () -> Value?, for missing: () -> [Int]) throws -> Value {
    while true {
      if let result = value() { return result }
      if error != nil { throw TransportFault(.environment, "another rank has failed") }
      if let gone = missing().first(where: ended.contains) {
        throw TransportFault(.mismatch, "rank \(gone) has ended while others wait for it")
      }
      pthread_cond_wait(changed, lock)
    }
  }

  private func locked<Result>(_ body: () throws -> Result) rethrows -> Result {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    return try body()
  }
}
