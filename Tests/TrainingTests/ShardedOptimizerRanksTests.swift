import Foundation
import Lockstep
import Testing

@testable import DataParallel
@testable import TestSupport
@testable import Training

/// Optimizers whose memory is divided among the ranks. Runs on one process under `swift test` and on 1, 2, 3 and 4 ranks under
/// `launch/test-ranks`.
@Suite(.serialized) struct ShardedOptimizerRanksTests {
  struct Case: CustomTestStringConvertible {
    let testDescription: String
    let model: @Sendable () -> Module
    let change: @Sendable (inout Configuration) -> Void

    init(
      _ name: String, _ model: @escaping @Sendable () -> Module = { smallNetwork(dropout: 0.2) },
      change: @escaping @Sendable (inout Configuration) -> Void
    ) { (testDescription, self.model, self.change) = (name, model, change) }
  }

  static let cases = [
    Case("momentum, clipped") { ($0.momentum, $0.clipNorm) = (0.9, 0.3) },
    Case("adam, decay") { ($0.optimizer, $0.learningRate, $0.weightDecay) = (.adam, 0.01, 0.01) },
    Case("adamw, reproducible, clipped") {
      ($0.optimizer, $0.learningRate, $0.reproducible, $0.clipNorm) = (.adamw, 0.01, true, 0.5)
    },
    Case("batch norm, slices", normalizedNetwork) {
      ($0.optimizer, $0.learningRate, $0.accumulate) = (.adam, 0.01, 2)
    },
    Case("muon, two kinds, reproducible") {
      ($0.optimizer, $0.learningRate, $0.reproducible, $0.weightDecay) = (.muon, 0.01, true, 0.1)
    },
    Case("lamb, whole layers") { ($0.optimizer, $0.learningRate, $0.weightDecay) = (.lamb, 0.01, 0.01) },
    Case("groups by names") {
      ($0.optimizer, $0.optimization.learningRate) = (.rmsprop, PerParameter(text: "head=0.01,*=0.001") ?? 0.0)
      ($0.weightDecay, $0.weightDecayOn, $0.momentum) = (0.1, .matrices, 0.5)
    },
    Case("compressed") { ($0.optimizer, $0.learningRate, $0.compression) = (.adam, 0.01, .int8) },
  ]

  private static func trainer(_ test: Case, _ isSharded: Bool, _ communicator: Communicator) throws -> Trainer {
    var configuration = smallConfiguration(epochs: 2)
    test.change(&configuration)
    configuration.shardOptimizer = isSharded
    return try Trainer(drawing: test.model(), Classification(), configuration, on: communicator)
  }

  private static let data = ImageDataset(smallImages(100))

  /// The same digest, and a part of the memory.
  @Test(arguments: cases) func sameBits(_ test: Case) throws {
    let communicator = try Ranks.duplicate()
    let (plain, sharded) = (try Self.trainer(test, false, communicator), try Self.trainer(test, true, communicator))
    #expect(sharded.strategy is ShardedOptimizer == (communicator.size > 1))
    try plain.fit(Self.data)
    try sharded.fit(Self.data)
    #expect(try digest(sharded.model) == digest(plain.model))
    #expect(sharded.position == plain.position && sharded.optimizer.stepCount == plain.optimizer.stepCount)
    func elements(_ trainer: Trainer) -> Int {
      trainer.optimizer.slots.values.flatMap(\.values).reduce(0) { $0 + $1.elementCount }
    }
    let (whole, part) = (elements(plain), elements(sharded))
    // Where parameters are kept whole, of the largest one nobody has a part.
    if !plain.optimizer.needsWholeParameters { #expect(abs(part - whole / communicator.size) <= 2) }
    #expect(try communicator.allReduce([Int64(part)]) == [Int64(whole)])
    // The state is whole on rank 0, and the same as any other strategy's.
    let (state, wanted) = (try sharded.strategy.state(), try plain.strategy.state())
    guard communicator.isRoot else { return }
    #expect(Set(state.slots.keys) == Set(wanted.slots.keys))
    for (slot, tensors) in wanted.slots {
      #expect(try state.slots[slot]?.mapValues(bits) == tensors.mapValues(bits))
      for (name, tensor) in tensors { #expect(state.slots[slot]?[name]?.shape == tensor.shape) }
    }
  }

  /// Saved sharded, resumed whole, and the other way round: each goes on to the same end.
  @Test(arguments: [(false, true), (true, false)]) func resumes(_ before: Bool, _ after: Bool) throws {
    let communicator = try Ranks.duplicate()
    let (path, owner) = try Ranks.sharedFolder(communicator)
    let test = Self.cases[2]
    let whole = try Self.trainer(test, false, .alone)
    try whole.fit(Self.data)
    var configuration = whole.configuration
    (configuration.steps, configuration.shardOptimizer) = (9, before)
    let begun = try Trainer(drawing: test.model(), Classification(), configuration, on: communicator)
    try begun.fit(Self.data, saving: CheckpointPlan(CheckpointFolder(path)))
    try communicator.barrier()
    (configuration.steps, configuration.shardOptimizer) = (nil, after)
    // In reproducible mode other numbers of ranks come to the same, too.
    let part = try communicator.split(color: communicator.rank == 0 ? 0 : 1, key: 0)
    for ranks in [communicator, part] {
      let resumed = try Trainer(drawing: test.model(), Classification(), configuration, on: ranks)
      try resumed.resume(from: CheckpointFolder.load(path).checkpoint)
      try resumed.fit(Self.data)
      #expect(try digest(resumed.model) == digest(whole.model))
    }
    try communicator.barrier()
    _ = owner
  }

  /// Whole parameters, each one rank's.
  @Test(arguments: [[5], [0, 4], [64 * 16, 16, 160, 10], [1 << 20, 3, 1 << 21, 7, 1 << 20]], [1, 2, 3, 7])
  func wholeParametersAreNotCut(_ counts: [Int], _ ranks: Int) {
    let parameters = counts.enumerated().map { (name: "\($0)", tensor: Tensor.zeros([$1])) }
    let parts = ParameterParts(parameters, ranks: ranks, keepsWhole: true)
    let pieces = (0..<ranks).flatMap { parts.pieces(of: $0) }
    #expect(pieces.allSatisfy { $0.range == 0..<counts[$0.parameter] })
    #expect(pieces.map(\.parameter).sorted() == counts.indices.filter { counts[$0] > 0 })
  }

  /// A model of three numbers on five ranks, of which two have nothing to update.
  @Test func moreRanksThanParameters() throws {
    let data = TableDataset(try SyntheticLinearData().split(rows: 40))
    let found = try simulated(5) { communicator in
      try [false, true].map { isSharded in
        var configuration = smallConfiguration(epochs: 2)
        (configuration.optimizer, configuration.shardOptimizer) = (.adam, isSharded)
        let trainer = try Trainer(drawing: Sequential(Linear(2, 1)), Regression(), configuration, on: communicator)
        try trainer.fit(data)
        _ = try trainer.strategy.state()
        return try digest(trainer.model)
      }
    }
    #expect(Set(found.joined()).count == 1)
  }

  /// Frozen layers have no memory, and are not sent.
  @Test func frozenLayersStay() throws {
    let communicator = try Ranks.duplicate()
    func train(_ isSharded: Bool) throws -> (String, Int) {
      var configuration = smallConfiguration(epochs: 1)
      (configuration.optimizer, configuration.shardOptimizer) = (.adam, isSharded)
      let model = smallNetwork()
      model.initializeAll(seed: 3)
      model.tensor(named: "1.weight")?.requiresGradient = false
      let trainer = try Trainer(model, Classification(), configuration, on: communicator)
      try trainer.fit(Self.data)
      return (try digest(model), trainer.optimizer.slots.values.flatMap(\.values).reduce(0) { $0 + $1.elementCount })
    }
    let (plain, sharded) = (try train(false), try train(true))
    #expect(plain.0 == sharded.0 && plain.1 == 2 * (16 + 170))
    #expect(try communicator.allReduce([Int64(sharded.1)]) == [Int64(plain.1)])
  }

  /// An update that would not be finite is taken back on all ranks, memory included.
  @Test func anUpdateIsTakenBack() throws {
    let communicator = try Ranks.duplicate()
    var configuration = smallConfiguration(epochs: 1, learningRate: 1e38)
    (configuration.onNan, configuration.momentum, configuration.shardOptimizer) = (.skip, 0.5, true)
    let trainer = try Trainer(drawing: smallNetwork(), Classification(), configuration, on: communicator)
    let before = try digest(trainer.model)
    let batch = try #require(
      try trainer.fetch(trainer.loader(Self.data, Sampler(of: Self.data, batchSize: 16), epoch: 0)))
    trainer.model.tensor(named: "4.bias")?.fill(3.4e38)
    let changed = try digest(trainer.model)
    let result = try trainer.step(batch)
    #expect(result.skipped != nil && before != changed)
    #expect(try digest(trainer.model) == changed)
    #expect(trainer.optimizer.stepCount == 0)
    #expect(try trainer.optimizer.slots.values.flatMap(\.values).allSatisfy { try $0.isFinite() })
  }
}

/// How parameters are divided.
@Suite struct ParameterPartsTests {
  @Test(arguments: [[5], [1, 1], [3, 0, 70, 2], [1 << 20, 3], [(1 << 21) + 5, 7]], [1, 2, 3, 7, 20])
  func eachElementIsOneRanks(_ counts: [Int], _ ranks: Int) {
    let parameters = counts.enumerated().map { (name: "\($0)", tensor: Tensor.zeros([$1])) }
    let parts = ParameterParts(parameters + [parameters[0]], ranks: ranks)
    let shares = (0..<ranks).map { parts.pieces(of: $0) }
    for (index, count) in counts.enumerated() {
      let ranges = shares.flatMap { $0 }.filter { $0.parameter == index }.map(\.range)
        .sorted { $0.lowerBound < $1.lowerBound }
      #expect(ranges.allSatisfy { !$0.isEmpty })
      #expect(ranges.reduce(0) { $0 == $1.lowerBound ? $1.upperBound : -1 } == count)
    }
    let sizes = shares.map { $0.reduce(0) { $0 + $1.range.count } }
    let chunks = counts.reduce(0, +) / (1 << 20) + 1
    #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= chunks)
  }
}
