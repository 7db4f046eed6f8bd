import Foundation
import Lockstep
import Testing
import Zoo

@testable import TestSupport

/// The same between real ranks: under `swift test` one process, under `launch/test-ranks` 1 to 4.
@Suite(.serialized) struct OneAnswerRanksTests {
  private static let joined: Result<Communicator, any Error> = Result {
    let communicator = try Environment.start(isChecked: true)
    atexit { Environment.finish() }
    return communicator
  }

  /// All ranks, in a channel of their own where mismatched collectives are told apart.
  private func world() throws -> Communicator {
    let copy = try Self.joined.get().duplicate()
    copy.isChecked = true
    return copy
  }

  /// All ranks found the same, which is what one process finds: that one of them trains for all.
  private func expect(_ found: Answer, of lesson: Lesson, on world: Communicator) throws {
    #expect(Set(try world.everyRanks(found.digest)).count == 1)
    guard world.isRoot else { return }
    #expect(found.differences(from: try lesson.train(on: .alone)) == [], "of \(world.size) ranks")
  }

  @Test(arguments: OneAnswerTests.lessons) func sameBitsAsOneProcess(_ lesson: Lesson) throws {
    let world = try world()
    try expect(lesson.train(on: world), of: lesson, on: world)
  }

  /// Activations that are computed again for backward change no bit, whatever the number of ranks.
  @Test(arguments: [Lesson(model: "lenet-bn"), Lesson(model: "mlp-dropout", optimizer: .adam)])
  func sameBitsWithoutActivations(_ lesson: Lesson) throws {
    let world = try world()
    var frugal = lesson
    frugal.checkpointsActivations = true
    try expect(frugal.train(on: world), of: lesson, on: world)
  }

  /// Stopped on half of the ranks, gone on with on all of them without activations; saved every step on the way.
  @Test func sameBitsAfterAResumeOnMoreRanks() throws {
    let world = try world()
    let lesson = Lesson(model: "mlp-dropout", optimizer: .adam, epochs: 2)
    let half = try world.split(color: world.rank < (world.size + 1) / 2 ? 0 : 1, key: world.rank)
    let (path, owner) = try Ranks.sharedFolder(world)
    if world.isRoot { try CheckpointFolder(path).prepare() }
    try world.barrier()
    // Both halves train; the first one's checkpoint counts.
    let isFirst = world.rank < (world.size + 1) / 2
    _ = try lesson.train(on: half, until: 2, savingIn: isFirst ? path : nil)
    try world.barrier()
    let checkpoint = try CheckpointFolder.load(path).checkpoint
    var frugal = lesson
    frugal.checkpointsActivations = true
    try expect(frugal.train(on: world, from: checkpoint), of: lesson, on: world)
    try world.barrier()
    withExtendedLifetime(owner) {}
  }

  /// One bit of one weight of the last rank, between two steps.
  @Test func aFlippedWeightIsNamed() throws {
    let world = try world()
    if world.size == 1 { return }
    let victim = world.size - 1
    let error = #expect(throws: DriftError.self) {
      try Accident(lesson: Lesson(model: "mlp", epochs: 2), rank: victim, step: 3, tensor: "3.weight").train(
        on: world, interval: 2)
    }
    #expect(error?.tensor == "3.weight" && error?.ranks == [victim] && error?.step == 4)
  }

  @Test func anotherSeedIsRefused() throws {
    let world = try world()
    if world.size == 1 { return }
    var configuration = Lesson(model: "mlp").configuration
    configuration.seed = UInt64(world.rank % 2)
    let error = #expect(throws: DisagreementError.self) {
      _ = try Trainer(drawing: Sequential(Linear(2, 2)), Classification(), configuration, on: world)
    }
    #expect(error?.name == "seed")
    #expect(error?.values.map(\.value) == ["0", "1"])
    #expect(error?.values.flatMap(\.ranks).sorted() == Array(0..<world.size))
  }
}
