import Lockstep
import Testing
import Zoo

@testable import DataParallel
@testable import TestSupport
@testable import Training

/// One bit of one tensor of one rank's replica is flipped after a step.
struct Accident {
  let lesson: Lesson
  let rank: Int
  let step: Int
  /// A parameter's name, or `<slot> of <parameter>` for what the optimizer remembers.
  let tensor: String

  func train(on communicator: Communicator, interval: Int, savingIn folder: String? = nil) throws {
    let entry = try #require(Zoo.model(lesson.model))
    let trainer = try Trainer(
      drawing: entry.make(ModelSizes()), Classification(), lesson.configuration, on: communicator)
    trainer.checks.verificationInterval = interval
    if communicator.rank == rank { trainer.observers = [Hand(self, trainer)] }
    let saving = folder.map { CheckpointPlan(CheckpointFolder($0), every: .steps(2)) }
    try trainer.fit(Lesson.data, saving: saving)
  }

  private final class Hand: TrainingObserver {
    let accident: Accident
    unowned let trainer: Trainer
    init(_ accident: Accident, _ trainer: Trainer) { (self.accident, self.trainer) = (accident, trainer) }

    func stepFinished(_ step: FinishedStep) {
      guard step.position.step == accident.step else { return }
      let slots = trainer.optimizer.slots.flatMap { slot, tensors in
        tensors.map { (name: "\(slot) of \($0.key)", tensor: $0.value) }
      }
      let found = (trainer.model.state + slots).first { $0.name == accident.tensor }?.tensor
      // Too small for a loss to tell, and large enough that an update does not round it away.
      _ = try? found?.withFloats { $0[$0.count / 2] = Float(bitPattern: $0[$0.count / 2].bitPattern ^ 0x100) }
    }
  }
}

/// Replicas that stay equal, and ranks that were started alike.
@Suite(.timeLimit(.minutes(10))) struct ReplicasTests {
  private func drift(_ accident: Accident, ranks: Int, interval: Int, savingIn folder: String? = nil) -> DriftError? {
    #expect(throws: DriftError.self) {
      try SimulatedJob.run(ranks: ranks) { try accident.train(on: $0, interval: interval, savingIn: folder) }
    }
  }

  @Test(arguments: [0, 1, 2]) func aFlippedWeightIsNamed(_ rank: Int) {
    let accident = Accident(lesson: Lesson(model: "mlp", epochs: 2), rank: rank, step: 3, tensor: "1.bias")
    let others = [0, 1, 2].filter { $0 != rank }
    let error = drift(accident, ranks: 3, interval: 2)
    #expect(
      error?.description
        == "replicas differ at step 4: 1.bias on rank \(rank) is not that of ranks \(others[0]), \(others[1])")
  }

  @Test func ofTwoRanksTheFirstIsBelieved() {
    let lesson = Lesson(model: "softmax-regression", epochs: 2)
    let accident = Accident(lesson: lesson, rank: 0, step: 1, tensor: "1.weight")
    let error = drift(accident, ranks: 2, interval: 2)
    #expect(error?.description == "replicas differ at step 2: 1.weight on rank 1 is not that of rank 0")
  }

  /// The interval is far away, but a checkpoint is to be saved: none with a broken replica is written.
  @Test func aSaveComparesFirst() throws {
    let folder = try TemporaryFolder()
    let lesson = Lesson(model: "softmax-regression", epochs: 2)
    let accident = Accident(lesson: lesson, rank: 1, step: 3, tensor: "1.weight")
    let error = drift(accident, ranks: 3, interval: 1000, savingIn: folder.path)
    #expect(error?.tensor == "1.weight" && error?.ranks == [1] && error?.step == 4)
    #expect(try CheckpointFolder(folder.path).files().map { $0.suffix(4) } == ["2.h5"])
  }

  /// What the optimizer remembers would spoil the weights of later steps. The comparison finds it before.
  @Test(arguments: [Configuration.OptimizerName.sgd, .adam])
  func theOptimizersMemoryCounts(_ optimizer: Configuration.OptimizerName) throws {
    var lesson = Lesson(model: "softmax-regression")
    lesson.optimizer = optimizer
    let trainer = try Trainer(
      drawing: #require(Zoo.model(lesson.model)).make(ModelSizes()), Classification(), lesson.configuration)
    try trainer.fit(Lesson.data)
    for slot in trainer.optimizer.slots.keys {
      let tensor = "\(slot) of 1.weight"
      let folder = try TemporaryFolder()
      // Flipped after step 2, where a checkpoint is saved next.
      let error = drift(
        Accident(lesson: lesson, rank: 1, step: 2, tensor: tensor), ranks: 3, interval: 1000, savingIn: folder.path)
      #expect(error?.tensor == tensor && error?.ranks == [1] && error?.step == 2)
    }
    #expect(!trainer.optimizer.slots.isEmpty)
  }

  @Test func whatDiffersIsNamedWithItsRanks() {
    func refusal(_ lines: [[String]]) -> String? {
      let error = #expect(throws: DisagreementError.self) {
        try SimulatedJob.run(ranks: lines.count) { try Replicas.agree(lines[$0.rank], over: $0) }
      }
      return error?.description
    }
    let begin = "ranks were started differently: "
    #expect(refusal([["model a", "seed 1"], ["model a", "seed 2"]]) == begin + "seed is 1 on rank 0; 2 on rank 1")
    #expect(
      refusal([["seed 1"], ["seed 2"], ["seed 1"], ["seed 2"]]) == begin + "seed is 1 on ranks 0, 2; 2 on ranks 1, 3")
    #expect(
      refusal([["seed 3"], ["seed 2"], ["seed 1"]]) == begin + "seed is 3 on rank 0; 2 on rank 1; 1 on rank 2")
    #expect(
      refusal([["training data sha256:1"], ["training data sha256:2"]])
        == begin + "training data is sha256:1 on rank 0; sha256:2 on rank 1")
    #expect(refusal([["a 1"], ["a 1", "b 2"]]) == begin + "nothing on rank 0; b 2 on rank 1")
  }

  /// Each option of a configuration.
  @Test func otherOptionsAreRefused() throws {
    let changes: [(name: String, change: @Sendable (inout Configuration) -> Void)] = [
      ("model", { $0.model = "other" }), ("epochs", { $0.epochs = 9 }), ("steps", { $0.steps = 9 }),
      ("batch-size", { $0.batchSize = 9 }), ("learning-rate", { $0.learningRate = 9 }),
      ("optimizer", { ($0.optimizer, $0.momentum) = (.adam, 0) }), ("momentum", { $0.momentum = 0.5 }),
      ("nesterov", { $0.nesterov = true }), ("weight-decay", { $0.weightDecay = 9 }),
      ("clip-norm", { $0.clipNorm = 9 }), ("seed", { $0.seed = 9 }), ("slice-size", { $0.sliceSize = 9 }),
      ("reproducible", { $0.reproducible = false }), ("virtual-shards", { $0.virtualShards = 9 }),
    ]
    for (name, change) in changes {
      let error = #expect(throws: DisagreementError.self) {
        try SimulatedJob.run(ranks: 3) { communicator in
          var configuration = Lesson(model: "small").configuration
          if communicator.rank == 2 { change(&configuration) }
          _ = try Trainer(drawing: Sequential(Linear(2, 2)), Classification(), configuration, on: communicator)
        }
      }
      #expect(error?.name == name)
      #expect(error?.values.map(\.ranks) == [[0, 1], [2]])
      #expect(error.map { failureKind(of: $0) } == .usage)
    }
  }

  /// Beside the bits of a tensor, its place counts: two swapped numbers are no equal replica.
  @Test func digestsSeeEveryBitAndPlace() throws {
    let tensor = Tensor.normal([50], key: RandomKey(seed: 1))
    let before = try Replicas.digest(tensor)
    for index in 0..<50 {
      for bit in 0..<32 {
        let values = try tensor.floats()
        try tensor.withFloats { $0[index] = Float(bitPattern: $0[index].bitPattern ^ (1 << UInt32(bit))) }
        #expect(try Replicas.digest(tensor) != before)
        try tensor.withFloats { _ = $0.update(from: values) }
      }
    }
    try tensor.withFloats { $0.swapAt(3, 30) }
    #expect(try Replicas.digest(tensor) != before)
  }
}
