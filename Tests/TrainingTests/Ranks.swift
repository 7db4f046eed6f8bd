import Foundation
import Lockstep

/// The job that the tests run in: one process under `swift test`, several under `launch/test-ranks`.
enum Ranks {
  /// Joined when first used, left when the process exits.
  private static let joined: Result<Communicator, any Error> = Result {
    let communicator = try Environment.start(isChecked: true)
    atexit { Environment.finish() }
    return communicator
  }

  /// A fresh communicator over all ranks, in which a mismatch of collectives is told on all of them.
  static func duplicate() throws -> Communicator {
    let copy = try joined.get().duplicate()
    copy.isChecked = true
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
