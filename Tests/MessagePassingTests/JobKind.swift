import Testing

@testable import MessagePassing
@testable import TestSupport

/// The jobs in which each collective must give the right answer: every transport, and what is made of one.
enum JobKind: CustomTestStringConvertible, CaseIterable {
  /// No transport at all.
  case alone
  /// The processes that the tests run in, and parts of them.
  case world, duplicate, unchecked, single
  /// What 2^31 elements do to MPI's 32-bit counts, three elements do here.
  case pieces
  /// Threads of one process, and what is made of them.
  case oneThread, twoThreads, threeThreads, fourThreads, checkedThreads, duplicateOfThreads, halfOfThreads

  static let ofProcesses: [JobKind] = [.world, .duplicate, .unchecked, .single, .pieces]

  var testDescription: String { "\(self)" }

  private var threads: Int {
    switch self {
    case .oneThread: 1
    case .twoThreads: 2
    case .threeThreads, .checkedThreads, .duplicateOfThreads: 3
    default: 4
    }
  }

  /// Runs `body` on every rank: here as one of them, or on a thread for each.
  func run(_ body: @escaping @Sendable (Communicator) throws -> Void) throws {
    switch self {
    case .alone: try body(.alone)
    case .world: try body(Ranks.world)
    case .duplicate: try body(Ranks.duplicate())
    case .unchecked: try body(Ranks.duplicate(checked: false))
    case .single: try body(Ranks.world.split(color: Ranks.world.rank, key: 0))
    case .pieces:
      let communicator = try Ranks.duplicate()
      communicator.pieceLength = 3
      try body(communicator)
    case .oneThread, .twoThreads, .threeThreads, .fourThreads: try SimulatedJob.run(ranks: threads, body)
    case .checkedThreads:
      try SimulatedJob.run(ranks: threads) {
        $0.isChecked = true
        try body($0)
      }
    case .duplicateOfThreads: try SimulatedJob.run(ranks: threads) { try body($0.duplicate()) }
    case .halfOfThreads: try SimulatedJob.run(ranks: threads) { try body($0.split(color: $0.rank % 2, key: -$0.rank)) }
    }
  }
}

extension Communicator {
  /// Of MPI's calls; the other transports know no pieces.
  var pieceLength: Int {
    get { (transport as? MPITransport)?.pieceLength ?? .max }
    set { (transport as? MPITransport)?.pieceLength = newValue }
  }
}

extension Sequence {
  /// The elements of type `T`, for tests that are generic over what travels.
  func converted<T: Numeric>(to type: T.Type) -> [T] where Element == Int { compactMap { T(exactly: $0) } }
}
