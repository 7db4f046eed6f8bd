@testable import MessagePassing
@testable import TestSupport

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
