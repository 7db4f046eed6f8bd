import Failures
import HDF5Files
import Lockstep
import Testing

@testable import TestSupport

/// A job that starts again finds the newest state that any of its hosts has.
@Suite struct RecoveryTests {
  /// What a host has kept: checkpoints of these steps, whose model is told by a number.
  private func host(_ steps: Int..., model: Float = 1) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    let odd = try oddCheckpoint(isFinite: true)
    for step in steps {
      var position = odd.position
      position.step = step
      try CheckpointFolder(folder.path).save(
        Checkpoint(
          model: [("weight", Tensor(model))], optimizer: [:], optimizerSteps: step, position: position,
          configuration: odd.configuration))
    }
    return folder
  }

  /// Step and model that each rank finds, each on a host of its own; nil where the job begins anew.
  private func found(_ hosts: [TemporaryFolder?]) throws -> [[Int]?] {
    try simulated(hosts.count) { ranks in
      let newest = try ranks.newestCheckpoint(of: hosts[ranks.rank].map { CheckpointFolder($0.path) })
      return try newest.map { [$0.checkpoint.position.step, Int(try $0.checkpoint.model[0].tensor.floats()[0])] }
    }
  }

  @Test func allTakeTheNewest() throws {
    #expect(try found([host(5), host(5, 7), nil, host()]) == Array(repeating: [7, 1], count: 4))
    #expect(try found([host(7), host(7)]) == [[7, 1], [7, 1]])
    #expect(try found([host(), nil]) == [nil, nil])
    #expect(try found([host(3)]) == [[3, 1]])
  }

  /// Ranks that were added up differently after a start have come to other states of one step.
  @Test func oneOfTwoStatesIsTaken() throws {
    #expect(try found([host(), host(7, model: 2), host(7, model: 3)]) == Array(repeating: [7, 2], count: 3))
  }

  @Test func damagedStatesDoNotCount() throws {
    let damaged = try host(5, 9)
    _ = try damaged.put([1, 2, 3], "checkpoint-00000009.h5")
    #expect(try found([damaged, host(7)]) == [[7, 1], [7, 1]])
    #expect(try found([damaged, host()]) == [[5, 1], [5, 1]])
    _ = try damaged.put([1, 2, 3], "checkpoint-00000005.h5")
    #expect(try found([damaged, host(2)]) == [[2, 1], [2, 1]])
    let error = #expect(throws: AgreedError.self) { try found([host(), damaged]) }
    #expect(error?.kind == .badData)
    #expect(error?.description.hasPrefix("rank 1: ") == true)
  }
}
