import Foundation
import MessagePassing
import Synchronization

/// The job that the tests run in: one process under `swift test`, several under `launch/test-ranks`.
enum Ranks {
  /// Joined when first used, left when the process exits.
  private static let joined: Result<Communicator, any Error> = Result {
    let communicator = try Environment.start(isChecked: true)
    atexit { Environment.finish() }
    return communicator
  }

  static var world: Communicator { get throws { try joined.get() } }

  /// A fresh communicator over all ranks, so that a test can count its collectives or change its settings; checked, a
  /// mismatch of collectives is told on all of them.
  static func duplicate(checked: Bool = true) throws -> Communicator {
    let copy = try world.duplicate()
    copy.isChecked = checked
    return copy
  }

  /// A folder that all ranks see; gone once rank 0 lets it go, and so after a last collective.
  static func sharedFolder(_ communicator: Communicator) throws -> (path: String, owner: TemporaryFolder?) {
    let owner = communicator.isRoot ? try TemporaryFolder() : nil
    let path = try communicator.broadcast(Array((owner?.path ?? "").utf8), from: 0)
    return (String(decoding: path, as: UTF8.self), owner)
  }
}

extension Communicator {
  /// Every rank's text, in the order of the ranks.
  func everyRanks(_ text: String) throws -> [String] {
    try allGather(Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
  }
}

/// A simulated job whose ranks all return something.
func simulated<Value: Sendable>(
  _ ranks: Int, _ body: @escaping @Sendable (Communicator) throws -> Value
) throws -> [Value] {
  let all = Mutex<[Int: Value]>([:])
  try SimulatedJob.run(ranks: ranks) { communicator in
    let value = try body(communicator)
    all.withLock { $0[communicator.rank] = value }
  }
  return all.withLock { all in (0..<ranks).compactMap { all[$0] } }
}
