import Foundation
import HDF5Files
import Lockstep
import Testing

@testable import TestSupport
@testable import Training

extension TrainingRanksTests {
  /// What one rank finds wrong ends all of them, with the same words.
  @Suite struct Agreeing {
    @Test func allThrowWhatOneRankFound() throws {
      let communicator = try Ranks.duplicate()
      for culprit in 0..<communicator.size {
        let text = try #require(
          message {
            try communicator.agreeing("start") {
              if communicator.rank == culprit { throw InputError("x.h5", "is broken here", kind: .missingInput) }
            }
          })
        #expect(text.hasSuffix("x.h5: is broken here"))
        if communicator.size > 1 { #expect(text.hasPrefix("rank \(culprit): ")) }
        #expect(Set(try communicator.everyRanks(text)).count == 1)
      }
      #expect(try communicator.agreeing("start") { communicator.rank } == communicator.rank)
    }

    @Test func whatAllFoundIsSaidOnce() throws {
      let communicator = try Ranks.duplicate()
      let fault = InputError("x.h5", "is broken for all")
      #expect(message { try communicator.agreeing("start") { throw fault } } == "x.h5: is broken for all")
    }

    @Test(arguments: [
      FailureKind.usage, .badData, .missingInput, .internalError, .cannotWrite, .inputOutput, .lostRank,
    ])
    func theExitCodeTravels(_ kind: FailureKind) throws {
      let communicator = try Ranks.duplicate()
      let isLast = communicator.rank == communicator.size - 1
      do {
        try communicator.agreeing("start") { if isLast { throw InputError("x.h5", "is broken", kind: kind) } }
        Issue.record("nothing was thrown")
      } catch {
        #expect(failureKind(of: error) == kind)
      }
    }
  }

  /// All ranks hold the same model.
  @Suite struct ReplicasOnRanks {
    @Test func allStartFromRankZero() throws {
      let communicator = try Ranks.duplicate()
      let model = smallNetwork()
      model.initializeAll(seed: UInt64(communicator.rank))
      try Replicas.broadcast(model.state, over: communicator)
      let wanted = smallNetwork()
      wanted.initializeAll(seed: 0)
      #expect(try digest(model) == digest(wanted))
    }

    /// What is said where one rank has another value than all the others.
    private func difference(_ most: String, _ value: String, of rank: Int, _ communicator: Communicator) -> String {
      let others = (0..<communicator.size).filter { $0 != rank }
      let list = (others.count == 1 ? "rank " : "ranks ") + others.map(String.init).joined(separator: ", ")
      return "ranks were started differently: \(most) on \(list); \(value) on rank \(rank)"
    }

    @Test func anotherShapeIsRefused() throws {
      let communicator = try Ranks.duplicate()
      guard communicator.size > 1 else { return }
      let last = communicator.size - 1
      let model = Sequential(Linear(4, communicator.rank == last ? 3 : 2))
      let error = #expect(throws: DisagreementError.self) { try Replicas.broadcast(model.state, over: communicator) }
      #expect(error?.description == difference("0.weight is [2, 4]", "[3, 4]", of: last, communicator))
    }

    @Test func theDifferenceIsNamed() throws {
      let communicator = try Ranks.duplicate()
      guard communicator.size > 1 else { return }
      for other in 1..<communicator.size {
        let isOther = communicator.rank == other
        try Replicas.agree(["one", "two"], over: communicator)
        let changed = message { try Replicas.agree(["one", isOther ? "TWO" : "two"], over: communicator) }
        #expect(changed == difference("two", "TWO", of: other, communicator))
        let shorter = message { try Replicas.agree(isOther ? ["one"] : ["one", "two"], over: communicator) }
        #expect(shorter == difference("two", "nothing", of: other, communicator))
        let longer = message {
          try Replicas.agree(isOther ? ["one", "two", "three"] : ["one", "two"], over: communicator)
        }
        #expect(longer == difference("nothing", "three", of: other, communicator))
      }
    }

    @Test func anotherConfigurationIsRefused() throws {
      let communicator = try Ranks.duplicate()
      guard communicator.size > 1 else { return }
      var configuration = smallConfiguration()
      if communicator.rank == communicator.size - 1 { configuration.learningRate = 0.25 }
      let error = #expect(throws: DisagreementError.self) {
        try Trainer(drawing: smallNetwork(), Classification(), configuration, on: communicator)
      }
      #expect(
        error?.description == difference("learning-rate is 0.1", "0.25", of: communicator.size - 1, communicator))
      #expect(error.map(failureKind) == .usage)
    }
  }

  /// Trainings that end early end on all ranks after the same step.
  @Suite struct Stopping {
    @Test(arguments: [0, 37, 99]) func aLossThatIsNoNumberStopsAllRanks(_ sample: Int) throws {
      let communicator = try Ranks.duplicate()
      let trainer = try Trainer(
        drawing: smallNetwork(), Classification(), smallConfiguration(epochs: 1), on: communicator)
      let place = try #require(
        Sampler(sampleCount: 100, batchSize: 16, seed: 7).order(epoch: 0).samples.firstIndex(of: sample))
      let error = #expect(throws: NotFiniteError.self) { try trainer.fit(PoisonedImages([sample])) }
      #expect(error?.step == place / 16 + 1)
      #expect(trainer.position.step == place / 16)
      #expect(try trainer.model.namedParameters.allSatisfy { try $0.tensor.floats().allSatisfy(\.isFinite) })
      #expect(Set(try communicator.everyRanks(digest(trainer.model))).count == 1)
    }

    /// One rank gets the signal; all save after the same step and go. In a process of its own only: a signal is for all of
    /// its trainings.
    @Test(.enabled(if: Environment.isLaunchedByMPI)) func aSignalToOneRankStopsAll() throws {
      let communicator = try Ranks.duplicate()
      let (path, owner) = try Ranks.sharedFolder(communicator)
      StopSignal.install()
      // Forgets it.
      defer { StopSignal.install() }
      let trainer = try Trainer(drawing: smallNetwork(), Classification(), smallConfiguration(), on: communicator)
      if communicator.rank == communicator.size - 1 { trainer.observers = [Raiser(step: 4)] }
      let error = #expect(throws: Interrupted.self) {
        try trainer.fit(ImageDataset(smallImages(100)), saving: CheckpointPlan(CheckpointFolder(path)))
      }
      // Raised when step 4 had ended; told to all with the sums of step 5.
      #expect(error?.signal == SIGTERM)
      #expect(error?.step == 5)
      #expect(trainer.position.step == 5)
      let saved = try CheckpointFolder.load(path).checkpoint.position
      #expect((saved.step, saved.stepInEpoch, saved.samplesSeen) == (5, 5, 80))
      #expect(saved.totals.last == 80)
      try communicator.barrier()
      _ = owner
    }

    @Test func anErrorOfSavingIsEveryRanks() throws {
      let communicator = try Ranks.duplicate()
      let trainer = try Trainer(drawing: smallNetwork(), Classification(), smallConfiguration(), on: communicator)
      let text = message {
        try trainer.fit(ImageDataset(smallImages(20)), saving: CheckpointPlan(CheckpointFolder("/proc/none")))
      }
      #expect(text?.hasPrefix("/proc/none: this folder can't be made") == true, "\(String(describing: text))")
      #expect(Set(try communicator.everyRanks(text ?? "")).count == 1)
    }
  }
}

/// Sends this process a SIGTERM when a step has ended.
private final class Raiser: TrainingObserver {
  private let step: Int
  init(step: Int) { self.step = step }
  func stepFinished(_ finished: FinishedStep) {
    guard finished.position.step == step else { return }
    // The threads of tests block signals: another one takes it, soon.
    kill(getpid(), SIGTERM)
    for _ in 0..<1000 where StopSignal.pending == nil { usleep(1000) }
  }
}
