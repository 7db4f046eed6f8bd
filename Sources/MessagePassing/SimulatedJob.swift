import Glibc
import Synchronization

/// A job whose ranks are threads of one process: the same code runs, and the same messages pass, as under mpirun, where a
/// debugger and one terminal can see them all.
public enum SimulatedJob {
  /// Runs `body` once per rank, each on a thread of its own, and returns when all have ended. Throws the first error; the
  /// other ranks then end at their next collective.
  public static func run(ranks: Int, _ body: @escaping @Sendable (Communicator) throws -> Void) throws {
    let hub = SimulatedHub(size: ranks)
    let threads = (0..<ranks).map { rank in
      Worker {
        do {
          try body(Communicator(simulated: rank, hub))
        } catch {
          hub.fail(error)
        }
        hub.end(rank)
      }
    }
    var started: [Worker] = []
    do {
      for thread in threads {
        try thread.start()
        started.append(thread)
      }
    } catch {
      hub.fail(error)
    }
    for thread in started { thread.join() }
    if let error = hub.error { throw error }
  }
}

/// A thread with room for a deep recursion.
private final class Worker: @unchecked Sendable {
  private let body: @Sendable () -> Void
  private var thread = pthread_t()

  init(_ body: @escaping @Sendable () -> Void) { self.body = body }

  func start() throws {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, 8 << 20)
    let own = Unmanaged.passRetained(self)
    let status = pthread_create(
      &thread, &attributes,
      { argument in
        if let argument { Unmanaged<Worker>.fromOpaque(argument).takeRetainedValue().body() }
        return nil
      }, own.toOpaque())
    guard status == 0 else {
      own.release()
      throw MessagePassingError(.environment, "simulate", "can't start a thread: error \(status)", rank: nil)
    }
  }

  func join() { pthread_join(thread, nil) }
}

/// Where simulated ranks leave messages for each other.
final class SimulatedHub: @unchecked Sendable {
  private struct Mailbox: Hashable {
    let from, to, tag: Int
  }

  let size: Int
  private var lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private var changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  // All below is guarded by the lock.
  private var gathered: [Int: [[UInt8]?]] = [:]
  private var takenCount: [Int: Int] = [:]
  private var mail: [Mailbox: [[UInt8]]] = [:]
  private(set) var error: (any Error)?
  private var ended: Set<Int> = []

  init(size: Int) {
    self.size = size
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

  /// A rank that no one needs to wait for any more.
  func end(_ rank: Int) {
    locked {
      ended.insert(rank)
      pthread_cond_broadcast(changed)
    }
  }

  /// Every rank's bytes for the collective of that number, in the order of the ranks.
  func gather(_ bytes: [UInt8], rank: Int, sequence: Int) throws -> [[UInt8]] {
    try locked {
      gathered[sequence, default: [[UInt8]?](repeating: nil, count: size)][rank] = bytes
      pthread_cond_broadcast(changed)
      let all = try wait(
        { gathered[sequence].flatMap { $0.contains { $0 == nil } ? nil : $0.compactMap { $0 } } },
        for: { gathered[sequence]?.indices.filter { gathered[sequence]?[$0] == nil } ?? [] })
      takenCount[sequence, default: 0] += 1
      if takenCount[sequence] == size {
        gathered[sequence] = nil
        takenCount[sequence] = nil
      }
      return all
    }
  }

  func post(_ bytes: [UInt8], from: Int, to: Int, tag: Int) {
    locked {
      mail[Mailbox(from: from, to: to, tag: tag), default: []].append(bytes)
      pthread_cond_broadcast(changed)
    }
  }

  func take(from: Int, to: Int, tag: Int) throws -> [UInt8] {
    let box = Mailbox(from: from, to: to, tag: tag)
    return try locked {
      try wait({ mail[box].flatMap { $0.isEmpty ? nil : mail[box]?.removeFirst() } }, for: { [from] })
    }
  }

  /// Waits until there is a value, or none can come: a rank has failed, or one of `missing` has ended.
  private func wait<Value>(_ value: () -> Value?, for missing: () -> [Int]) throws -> Value {
    while true {
      if let result = value() { return result }
      if error != nil {
        throw MessagePassingError(.environment, "simulate", "another rank has failed", rank: nil)
      }
      if let gone = missing().first(where: ended.contains) {
        throw MessagePassingError(.mismatch, "simulate", "rank \(gone) has ended while others wait for it", rank: nil)
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

/// The collectives of simulated ranks. Sums are taken in the order of the ranks.
extension SimulatedHub {
  func gather<T: MessageElement>(_ values: UnsafeBufferPointer<T>, rank: Int, sequence: Int) throws -> [[T]] {
    try gather(Array(UnsafeRawBufferPointer(values)), rank: rank, sequence: sequence).map(Self.elements)
  }

  func gather<T: MessageElement>(_ values: [T], rank: Int, sequence: Int) throws -> [[T]] {
    try values.withUnsafeBufferPointer { try gather($0, rank: rank, sequence: sequence) }
  }

  func broadcast<T: MessageElement>(
    _ values: UnsafeBufferPointer<T>, from root: Int, rank: Int, sequence: Int
  ) throws -> [T] {
    let own = rank == root ? values : UnsafeBufferPointer(rebasing: values.prefix(0))
    return try gather(own, rank: rank, sequence: sequence)[root]
  }

  func reduce<T: MessageElement>(
    _ buffer: UnsafeMutableBufferPointer<T>, _ operation: ReductionOperation, rank: Int, sequence: Int
  ) throws {
    let all: [[T]] = try gather(UnsafeBufferPointer(buffer), rank: rank, sequence: sequence)
    if let other = all.firstIndex(where: { $0.count != buffer.count }) {
      throw MessagePassingError(
        .mismatch, "allreduce", "rank \(rank) has \(buffer.count) elements, rank \(other) has \(all[other].count)",
        rank: rank)
    }
    for index in buffer.indices {
      var result = all[0][index]
      for other in all.dropFirst() { result = T.reduced(result, other[index], operation) }
      buffer[index] = result
    }
  }

  func receive<T: MessageElement>(
    into buffer: UnsafeMutableBufferPointer<T>, from source: Int, to rank: Int, tag: Int
  ) throws {
    let bytes = try take(from: source, to: rank, tag: tag)
    let target = UnsafeMutableRawBufferPointer(buffer)
    guard bytes.count == target.count else {
      let found = bytes.count / MemoryLayout<T>.stride
      throw MessagePassingError(
        .mismatch, "receive from rank \(source)", "expected \(buffer.count) elements, found \(found)", rank: rank)
    }
    target.copyBytes(from: bytes)
  }

  static func elements<T: MessageElement>(_ bytes: [UInt8]) -> [T] {
    bytes.withUnsafeBytes { raw in
      [T](unsafeUninitializedCapacity: raw.count / MemoryLayout<T>.stride) { buffer, count in
        UnsafeMutableRawBufferPointer(buffer).copyBytes(from: raw)
        count = raw.count / MemoryLayout<T>.stride
      }
    }
  }
}
