import CMPI
import Glibc
import Synchronization

/// Where the ranks of one host show each other what they are doing, so that the watchdog can name who is late.
///
/// Each rank owns one record, a cache line in memory that the ranks of a host share; it writes it with plain atomic
/// stores, and anyone reads. The file behind that memory is unlinked once all have mapped it: nothing stays behind,
/// however the job ends. Where sharing fails, each rank sees itself alone and names nobody else.
///
///     word 0  state: inside (bit 63), operation (56…62), communicator (40…55), sequence number (0…39)
///     word 1  step + 1, or 0     word 2  1 + rank it sends to or receives from, or 0
///     word 3  heartbeat: when its watchdog last ran, or 0
///     word 4  1 + rank in the job (0…31), or 0, and its process (32…62); bit 63 in what other hosts are told: it has ended
///     word 5  not 0: the job is being aborted (any rank writes it)
///     word 6  what it does by itself (56…63), or 0, and how often it has begun such work (0…55)
///     word 7  when its watchdog last saw it send or receive, or 0
final class ProgressBoard: @unchecked Sendable {
  private static let wordsPerRecord = 8

  let worldRank: Int
  private let records: UnsafeMutablePointer<Atomic<UInt64>>
  private let own: UnsafeMutablePointer<Atomic<UInt64>>
  /// The ranks of this host.
  let recordCount: Int
  /// This rank's place among them.
  let index: Int
  private let memberLists = Mutex<[UInt16: [Int]]>([:])
  private let nextIdentifier = Atomic<Int>(0)

  private let memory: HostMemory

  /// `memory` holds a record of 64 zeroed bytes for each rank of the host.
  init(_ memory: HostMemory, worldRank: Int) {
    records = memory.start.assumingMemoryBound(to: Atomic<UInt64>.self)
    own = records + memory.index * Self.wordsPerRecord
    (recordCount, index) = (memory.rankCount, memory.index)
    (self.memory, self.worldRank) = (memory, worldRank)
    own[4].store(UInt64(worldRank + 1) | UInt64(getpid()) << 32, ordering: .releasing)
  }

  // MARK: What the rank's own thread writes

  /// The rank is about to wait for others: all of a communicator, or one peer (a rank of the job).
  func enter(_ operation: Operation, communicator: UInt16, sequence: Int, peer: Int? = nil) {
    let (kind, number) = (UInt64(operation.rawValue) << 56, UInt64(communicator) << 40)
    let state = 1 << 63 | kind | number | UInt64(truncatingIfNeeded: sequence) & 0xFF_FFFF_FFFF
    own[2].store(UInt64(peer.map { $0 + 1 } ?? 0), ordering: .relaxed)
    own[0].store(state, ordering: .releasing)
  }

  func leave() {
    own[0].store(own[0].load(ordering: .relaxed) & ~(1 << 63), ordering: .releasing)
    while own[5].load(ordering: .relaxed) != 0 { pause() }
  }

  /// The rank does something by itself, however long it takes; `endWork` gets what this returns.
  func beginWork(_ work: LocalWork) -> UInt64 {
    let before = own[6].load(ordering: .relaxed)
    own[6].store(UInt64(work.rawValue) << 56 | (before &+ 1) & 0xFF_FFFF_FFFF_FFFF, ordering: .relaxed)
    return before
  }

  func endWork(_ before: UInt64) {
    let count = own[6].load(ordering: .relaxed) & 0xFF_FFFF_FFFF_FFFF
    own[6].store(before & 0xFF << 56 | count, ordering: .relaxed)
  }

  func noteStep(_ step: Int) {
    own[1].store(UInt64(max(0, step)) + 1, ordering: .relaxed)
  }

  // MARK: Communicators

  var communicatorCount: Int { nextIdentifier.load(ordering: .relaxed) }

  /// Notes which ranks of the job a communicator has. Its number is at least `communicatorCount` of each of them.
  func register(communicator number: Int, members: [Int]) {
    memberLists.withLock { $0[UInt16(truncatingIfNeeded: number)] = members }
    nextIdentifier.store(number + 1, ordering: .relaxed)
  }

  func members(of communicator: UInt16) -> [Int] {
    memberLists.withLock { $0[communicator] ?? [] }
  }

  // MARK: What the watchdog reads and writes

  /// From now on no rank of this host leaves an operation. A launcher that ends a job first wakes stopped ranks up for a
  /// moment; without this, the job would go on in that moment, as if nothing had been.
  func holdRanks() {
    for index in 0..<recordCount { records[index * Self.wordsPerRecord + 5].store(1, ordering: .relaxed) }
  }

  func noteTraffic(at nanoseconds: UInt64) { own[7].store(nanoseconds, ordering: .relaxed) }

  func beat(at nanoseconds: UInt64) { own[3].store(nanoseconds, ordering: .relaxed) }

  /// The rank's own state word: it changes whenever the rank enters or leaves an operation.
  var ownState: UInt64 { own[0].load(ordering: .acquiring) }

  func ownProgress(at now: UInt64) -> RankProgress? { read(own, at: now) }

  /// The records of this host's ranks, in no particular order.
  func localProgress(at now: UInt64) -> [RankProgress] {
    (0..<recordCount).compactMap { read(records + $0 * Self.wordsPerRecord, at: now) }
  }

  private func read(_ record: UnsafeMutablePointer<Atomic<UInt64>>, at now: UInt64) -> RankProgress? {
    RankProgress(
      words: Self.shown(record, at: now),
      silentSeconds: Self.age(record[3], at: now).map { Double($0) / 1e9 } ?? 0,
      stillSeconds: Self.age(record[7], at: now).map { Double($0) / 1e9 } ?? .infinity)
  }

  /// State, step, peer, rank and work of a record.
  private static func shown(_ record: UnsafeMutablePointer<Atomic<UInt64>>, at now: UInt64) -> [UInt64] {
    let state = record[0].load(ordering: .acquiring)
    var words = [state] + [1, 2, 4, 6].map { record[$0].load(ordering: .relaxed) }
    // Nobody but a rank of this host can ask the system for its process, which is worth it once it is silent.
    if let silent = age(record[3], at: now), silent > 1_000_000_000, kill(pid_t(words[3] >> 32), 0) != 0, errno == ESRCH
    {
      words[3] |= 1 << 63
    }
    return words
  }

  /// Nanoseconds since the time that a word says; nil where it says none.
  private static func age(_ word: borrowing Atomic<UInt64>, at now: UInt64) -> UInt64? {
    let time = word.load(ordering: .relaxed)
    return time == 0 ? nil : now > time ? now - time : 0
  }

  /// The records of this host's ranks as other hosts are told of them.
  func words(at now: UInt64) -> [[UInt64]] {
    (0..<recordCount).map { index in
      let record = records + index * Self.wordsPerRecord
      return Self.shown(record, at: now) + [Self.age(record[3], at: now) ?? 0, Self.age(record[7], at: now) ?? .max]
    }
  }
}

extension ProgressBoard {
  /// Makes the board of this host's ranks. Collective over `world`.
  static func shared(over world: MPI_Comm, worldRank: Int) throws -> ProgressBoard {
    let recordBytes = wordsPerRecord * MemoryLayout<UInt64>.size
    // As many records as the job has ranks: which of them share a host is known once they share memory.
    var size: Int32 = 0
    try check(MPI_Comm_size(world, &size))
    let memory = try HostMemory.shared(over: world, Int(size) * recordBytes) ?? .own(recordBytes)
    return ProgressBoard(memory, worldRank: worldRank)
  }

  /// A board that only this rank sees.
  static func alone(worldRank: Int) throws -> ProgressBoard {
    ProgressBoard(try .own(wordsPerRecord * MemoryLayout<UInt64>.size), worldRank: worldRank)
  }
}
