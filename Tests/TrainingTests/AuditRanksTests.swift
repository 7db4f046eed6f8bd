import Lockstep
import Testing

@testable import TestSupport
@testable import Training

/// `--audit` on the ranks of the job.
@Suite(.serialized, .timeLimit(.minutes(10))) struct AuditRanksTests {
  @Test(arguments: 0..<12) func everyFlipIsNamed(_ seed: Int) throws {
    let communicator = try Ranks.duplicate()
    var numbers = SeededNumbers(UInt64(seed))
    let flip = Flip(
      rank: numbers.int(0...communicator.size - 1), step: 3 * numbers.int(1...4), shard: numbers.int(0...3),
      tensor: ["1.weight", "2.bias", "5.weight"][numbers.int(0...2)], bit: numbers.int(0...30),
      seed: numbers.int(0...999))
    let trainer = try Flipping.trainer(AuditTests.configuration(every: 3), communicator, flip)
    let error = #expect(throws: AuditError.self) { try trainer.fit(ImageDataset(smallImages(100))) }
    #expect(error?.suspects.map(\.rank) == [flip.rank], "\(flip): \(String(describing: error))")
    #expect(error?.step == flip.step && error?.tensor == flip.tensor, "\(flip): \(String(describing: error))")
    #expect(trainer.position.step == error.map { $0.step - 1 })
  }

  /// 250 steps, each audited; the digest is that of a training without.
  @Test func noFalseAlarm() throws {
    let communicator = try Ranks.duplicate()
    func train(_ audit: Int?, _ communicator: Communicator) throws -> String {
      var configuration = AuditTests.configuration(every: audit)
      (configuration.epochs, configuration.batchSize) = (10, 4)
      let trainer = try Trainer(
        drawing: Sequential(Flatten(), Linear(64, 16), ReLU(), Dropout(0.2), Linear(16, 10)), Classification(),
        configuration, on: communicator)
      try trainer.fit(ImageDataset(smallImages(100)))
      #expect(trainer.position.step == 250)
      return try digest(trainer.model)
    }
    #expect(try train(1, communicator) == train(nil, .alone))
  }
}
