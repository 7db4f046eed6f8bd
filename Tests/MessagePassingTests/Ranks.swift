import Glibc

@testable import MessagePassing

/// The job that the tests run in: one process under `swift test`, several under `launch/test-ranks`.
enum Ranks {
  /// Joined when first used, left when the process exits.
  private static let joined: Result<Communicator, any Error> = Result {
    let communicator = try Environment.start(isChecked: true)
    atexit { Environment.finish() }
    return communicator
  }

  static var world: Communicator { get throws { try joined.get() } }

  /// A fresh communicator over all ranks, so that a test can count its collectives or change its settings.
  static func duplicate(checked: Bool = true) throws -> Communicator {
    let copy = try world.duplicate()
    copy.isChecked = checked
    return copy
  }
}

/// The communicators on which each collective must give the right answer.
enum CommunicatorKind: CaseIterable {
  case alone, single, world, duplicate, unchecked, pieces

  func make() throws -> Communicator {
    switch self {
    case .alone: return .alone
    case .single: return try Ranks.world.split(color: Ranks.world.rank, key: 0)
    case .world: return try Ranks.world
    case .duplicate: return try Ranks.duplicate()
    case .unchecked: return try Ranks.duplicate(checked: false)
    case .pieces:
      // What 2^31 elements do to MPI's 32-bit counts, three elements do here.
      let communicator = try Ranks.duplicate()
      communicator.pieceLength = 3
      return communicator
    }
  }
}

extension Sequence {
  /// The elements of type `T`, for tests that are generic over what travels.
  func converted<T: Numeric>(to type: T.Type) -> [T] where Element == Int { compactMap { T(exactly: $0) } }
}
