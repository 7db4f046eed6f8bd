import CMPI
import Failures

/// Adds up floats over the ranks of an MPI communicator, each sum by the algorithm that suits its size and where the ranks are.
final class FloatSums {
  private let handle: MPI_Comm
  private let rank, size: Int
  /// For each rank which host it is on.
  let hosts: [Int]
  /// The ranks in the order of their hosts.
  private let order: [Int]
  var plan: SumPlan
  /// How many sums went by messages.
  private var number = 0
  /// Made with the first sum that needs it.
  private lazy var shared = Result { try makeShared() }
  /// Sums through shared memory that nobody has waited for yet, in the order in which they were started.
  private var deferred: [DeferredSum] = []

  init(_ handle: MPI_Comm, rank: Int, hosts: [Int]) {
    (self.handle, self.rank, self.hosts, size) = (handle, rank, hosts, hosts.count)
    order = hosts.indices.sorted { (hosts[$0], $0) < (hosts[$1], $1) }
    plan = SumPlan(size: size, isOneHost: Set(hosts).count == 1)
  }

  /// For each rank the first one of its host. Collective.
  static func hosts(of world: MPI_Comm) throws -> [Int] {
    var (rank, size): (Int32, Int32) = (0, 0)
    try check(MPI_Comm_rank(world, &rank))
    try check(MPI_Comm_size(world, &size))
    var host: MPI_Comm?
    try check(MPI_Comm_split_type(world, cmpi_comm_type_shared(), 0, cmpi_info_null(), &host))
    guard let split = host else { throw TransportFault(.environment, "MPI made no communicator") }
    let type = MessageType.int32.datatype
    try check(MPI_Bcast(&rank, 1, type, 0, split))
    try check(MPI_Comm_free(&host))
    var all = [Int32](repeating: 0, count: Int(size))
    try check(MPI_Allgather(&rank, 1, type, &all, 1, type, world))
    return all.map(Int.init)
  }

  private func makeShared() throws -> SharedSum? {
    SharedSum(
      try MPIProgress.shared.locked { try HostMemory.shared(over: handle, SharedSum.byteCount(ranks: size)) },
      rank: rank, size: size)
  }

  /// Starts a sum; nil where it is the library's business.
  func start(_ values: UnsafeMutableBufferPointer<Float>, _ algorithm: SumAlgorithm? = nil) throws -> (
    any PendingTransfer
  )? {
    let algorithm = algorithm ?? plan.algorithm(for: values.count)
    switch algorithm {
    case .library: return nil
    case .sharedMemory:
      guard let shared = try shared.get() else { return nil }
      deferred.append(DeferredSum(values, shared, self))
      return deferred.last
    case .doubling: return start(values, .doubling(place, of: size), order)
    case .halving: return start(values, .halving(place, of: size), order)
    case .ring: return start(values, .ring(place, of: size), order)
    }
  }

  /// Starts a sum in the tree of pairs of ranks, (0 + 1) + (2 + 3), whatever their hosts; nil where there is no power of two of them.
  func startInTree(_ values: UnsafeMutableBufferPointer<Float>) throws -> (any PendingTransfer)? {
    guard plan.isPowerOfTwo, size > 1 else { return nil }
    if plan.isOneHost, let sum = try start(values, .sharedMemory) { return sum }
    let isShort = plan.algorithm(for: values.count) == .doubling
    return start(values, isShort ? .doubling(rank, of: size) : .halving(rank, of: size), Array(0..<size))
  }

  private var place: Int { order.firstIndex(of: rank) ?? 0 }

  private func start(
    _ values: UnsafeMutableBufferPointer<Float>, _ schedule: SumSchedule, _ order: [Int]
  ) -> any PendingTransfer {
    let sum = ScheduledSum(values, over: handle, schedule, order: order, number: number)
    number += 1
    MPIProgress.shared.start(sum)
    return sum
  }

  /// Takes the deferred sums up to this one: all ranks in the order in which they were started, whatever they wait for first.
  fileprivate func take(_ last: DeferredSum) {
    while !last.isDone, !deferred.isEmpty { deferred.removeFirst().take() }
  }
}

/// A sum through shared memory, which the ranks' own threads do: when it is waited for, and not before.
private final class DeferredSum: PendingTransfer {
  private let values: UnsafeMutableBufferPointer<Float>
  private let shared: SharedSum
  private unowned let sums: FloatSums
  private(set) var isDone = false
  private(set) var startedAt, completedAt: Int?

  init(_ values: UnsafeMutableBufferPointer<Float>, _ shared: SharedSum, _ sums: FloatSums) {
    (self.values, self.shared, self.sums) = (values, shared, sums)
  }

  func take() {
    startedAt = monotonicNanoseconds()
    shared.add(values)
    completedAt = monotonicNanoseconds()
    isDone = true
  }

  func wait() { sums.take(self) }

  /// Waits as well: nothing would happen otherwise.
  func test() -> Bool {
    sums.take(self)
    return true
  }
}
