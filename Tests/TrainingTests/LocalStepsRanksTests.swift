import Lockstep
import Testing

@testable import DataParallel
@testable import TestSupport
@testable import Training

/// Ranks that train by themselves between averages. Runs on one process under `swift test` and on 1, 2, 3 and 4 ranks under
/// `launch/test-ranks`.
@Suite(.serialized) struct LocalStepsRanksTests {
  private static let data = ImageDataset(smallImages(100))

  private static func configuration(_ steps: Int, outer: (rate: Double, momentum: Double) = (0.7, 0.9)) -> Configuration
  {
    var result = smallConfiguration(epochs: 2)
    (result.localSteps, result.outerLearningRate, result.outerMomentum) = (steps, outer.rate, outer.momentum)
    return result
  }

  private static func fitted(
    _ configuration: Configuration, _ communicator: Communicator, _ model: Module = smallNetwork(dropout: 0.2)
  ) throws -> Trainer {
    let trainer = try Trainer(drawing: model, Classification(), configuration, on: communicator)
    try trainer.fit(data)
    return trainer
  }

  /// Averages after each step, taken as they are, are plain data-parallel SGD: also with momentum, whose mean is linear, and
  /// shards that are not even; 100 samples leave a batch of 4.
  @Test(arguments: [0, 0.9]) func oneLocalStepIsOneStep(_ momentum: Double) throws {
    let communicator = try Ranks.duplicate()
    var configuration = Self.configuration(1, outer: (1, 0))
    (configuration.momentum, configuration.nesterov) = (momentum, momentum > 0)
    let local = try Self.fitted(configuration, communicator)
    configuration.localSteps = 0
    let plain = try Self.fitted(configuration, communicator)
    #expect(local.strategy is LocalSteps && plain.strategy is Replicated && local.position == plain.position)
    try expectClose(local.model, plain.model)
  }

  /// One rank's averages are its own, so that rounds of any length change nothing.
  @Test func aloneNothingIsAveraged() throws {
    let local = try Self.fitted(Self.configuration(3, outer: (1, 0)), .alone)
    try expectClose(local.model, Self.fitted(Self.configuration(0), .alone).model)
  }

  /// The outer step by hand: the mean change backwards is the gradient of SGD with Nesterov's momentum.
  @Test func theOuterStepIsNesterovs() throws {
    let communicator = try Ranks.duplicate()
    let model = Sequential(Linear(1, 1, bias: false))
    model.initializeAll(seed: 1)
    let parameter = try #require(model.namedParameters.first?.tensor)
    let replica = Replica(model, SGD([ParameterGroup([("w", parameter)], learningRate: 1)]))
    let strategy = try LocalSteps(replica, over: communicator, length: 2, learningRate: 0.5, momentum: 0.8)
    parameter.fill(4)
    var (point, velocity) = (4.0, 0.0)
    for round in 0..<3 {
      var place = point
      for step in 0..<2 {
        try strategy.beginStep()
        // Gradients are summed as shares of a global batch: rank r's is r + step + round, times the ranks once it is taken.
        parameter.gradient = Tensor([Float(communicator.rank + step + round)]).reshaped([1, 1])
        _ = try strategy.reduce([], sumCount: 0)
        try strategy.update()
        place -= Double(communicator.size * (communicator.rank + step + round))
        if step == 0 {
          #expect(!strategy.isSettled)
          #expect(try abs(Double(parameter.floats()[0]) - place) < 1e-4)
        }
      }
      let mean = try communicator.allReduce([point - place])[0] / Double(communicator.size)
      velocity = 0.8 * velocity + mean
      point -= 0.5 * (mean + 0.8 * velocity)
      #expect(strategy.isSettled)
      #expect(try abs(Double(parameter.floats()[0]) - point) < 1e-3 * max(1, abs(point)))
    }
  }

  /// Replicas are the same after rounds, at an epoch's end and where steps run out, and compared where they are to be.
  @Test(arguments: [(Configuration.OptimizerName.sgd, 3), (.adam, 50)]) func replicasMeet(
    _ optimizer: Configuration.OptimizerName, _ steps: Int
  ) throws {
    let communicator = try Ranks.duplicate()
    var configuration = Self.configuration(steps)
    (configuration.optimizer, configuration.steps) = (optimizer, 11)
    if optimizer == .adam { configuration.learningRate = 0.01 }
    let trainer = try Trainer(drawing: normalizedNetwork(), Classification(), configuration, on: communicator)
    trainer.checks.verificationInterval = 1
    let epochs = EpochRecorder()
    trainer.observers = [epochs]
    try trainer.fit(Self.data, test: Self.data)
    #expect(epochs.all.map(\.test?.weight) == [100])
    let slots = try trainer.optimizer.slots.sorted { $0.key < $1.key }.map { slot, tensors in
      try "\(slot) \(tensors.sorted { $0.key < $1.key }.map { try bits($0.value) })"
    }
    #expect(Set(try communicator.everyRanks("\(try digest(trainer.model)) \(slots)")).count == 1)
    #expect(optimizer == .sgd || !slots.isEmpty)
  }

  /// Gradients stay at home: parameters travel once a round.
  @Test func parametersTravelOnceARound() throws {
    let communicator = try Ranks.duplicate()
    guard communicator.size > 1 else { return }
    let trainer = try Trainer(
      drawing: smallNetwork(), Classification(), Self.configuration(3), on: communicator)
    let loader = trainer.loader(Self.data, Sampler(of: Self.data, batchSize: 16), epoch: 0)
    var counts: [Int] = []
    while counts.count < 6, let batch = try trainer.fetch(loader) {
      let before = communicator.collectiveCount
      try trainer.step(batch)
      counts.append(communicator.collectiveCount - before)
    }
    #expect(counts == [1, 1, 2, 1, 1, 2])
  }

  /// Saves wait for a round's end, and what is saved goes on as the training that was not interrupted: on as many ranks to the bit.
  @Test(arguments: [Configuration.OptimizerName.sgd, .adam]) func resumes(
    _ optimizer: Configuration.OptimizerName
  ) throws {
    let communicator = try Ranks.duplicate()
    let (path, owner) = try Ranks.sharedFolder(communicator)
    var configuration = Self.configuration(3)
    configuration.optimizer = optimizer
    if optimizer == .adam { configuration.learningRate = 0.01 }
    let whole = try Trainer(drawing: smallNetwork(), Classification(), configuration, on: communicator)
    try whole.fit(Self.data, saving: CheckpointPlan(CheckpointFolder(path), every: .steps(5)))
    // Steps 5 and 10 lie within rounds, of which the epoch's end, step 7, begins a new one; 14 is the last.
    try communicator.barrier()
    let files = try CheckpointFolder(path).files()
    #expect(files.map { $0.suffix(5) } == ["14.h5", "10.h5", "06.h5"])
    for file in files.dropFirst() {
      let resumed = try Trainer(drawing: smallNetwork(), Classification(), configuration, on: communicator)
      try resumed.resume(from: CheckpointFolder.load(file).checkpoint)
      // The same saves: they are where ranks take the mean of their optimizers' memories.
      let again = CheckpointFolder("\(path)/\(file.suffix(5))")
      if communicator.isRoot { try again.prepare() }
      try resumed.fit(Self.data, saving: CheckpointPlan(again, every: .steps(5)))
      #expect(try digest(resumed.model) == digest(whole.model), "\(file)")
      try communicator.barrier()
    }
    // Another strategy goes on from it, too, without the outer momentum.
    configuration.localSteps = 0
    let other = try Trainer(drawing: smallNetwork(), Classification(), configuration, on: communicator)
    try other.resume(from: CheckpointFolder.load(path).checkpoint)
    #expect(other.optimizer.slots.keys.allSatisfy { $0 != LocalSteps.outerSlot })
    try communicator.barrier()
    _ = owner
  }

  /// A number that is not finite on one rank is left out by all, and rounds go on.
  @Test func oddStepsAreLeftOut() throws {
    let communicator = try Ranks.duplicate()
    var configuration = poisonedConfiguration()
    (configuration.reproducible, configuration.localSteps) = (false, 4)
    let trainer = try Trainer(drawing: normalizedNetwork(), Classification(), configuration, on: communicator)
    let epochs = EpochRecorder()
    trainer.observers = [epochs]
    try trainer.fit(PoisonedImages([3]))
    #expect(epochs.all.map(\.skippedSteps) == [1, 1])
    #expect(try trainer.model.state.allSatisfy { try $0.tensor.isFinite() })
    #expect(Set(try communicator.everyRanks(try digest(trainer.model))).count == 1)
  }
}
