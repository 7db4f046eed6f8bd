import Lockstep
import Testing

@testable import TestSupport

/// Steps without their sums, on any number of ranks, one alone included.
@Suite("Rehearsals over ranks")
struct RehearsalRanksTests {
  @Test("Sums of gradients are noted and not carried; what ranks tell each other is")
  func notes() throws {
    let communicator = try Ranks.duplicate()
    let rehearsal = try Rehearsal(of: communicator)
    #expect(rehearsal.communicator.size == max(2, communicator.size))
    var values = [Float](repeating: Float(communicator.rank + 1), count: 5000)
    let before = values
    rehearsal.begin()
    try values.withUnsafeMutableBufferPointer { try rehearsal.communicator.startAllReduce($0).wait() }
    #expect(values == before)
    let step = rehearsal.step
    #expect(step.sums.map(\.bytes) == [20_000] && step.meetings == 0)
    let sum = try rehearsal.communicator.allReduce([Double(communicator.rank + 1)])
    #expect(sum == [Double(communicator.size * (communicator.size + 1) / 2)])
    let all = try rehearsal.communicator.allGather([Int64(communicator.rank)])
    #expect(all.count == rehearsal.communicator.size)
    #expect(all.prefix(communicator.size).map { $0[0] } == (0..<communicator.size).map { Int64($0) })
    // Lengths first, then what they are of.
    #expect(rehearsal.step.meetings == 3)
  }

  @Test("A training step's sums are those of its gradients, begun in order")
  func step() throws {
    let communicator = try Ranks.duplicate()
    let rehearsal = try Rehearsal(of: communicator)
    let model = Sequential(Linear(20, 30), ReLU(), Linear(30, 1))
    var configuration = Configuration(model: "small", epochs: 1, batchSize: 8 * communicator.size, learningRate: 0.01)
    configuration.seed = 1
    let trainer = try Trainer(model, Regression(), configuration, on: rehearsal.communicator)
    let rows = 8 * communicator.size
    let data = TableDataset(
      try SyntheticLinearData(weights: [Double](repeating: 1, count: 20), bias: 1, noise: 0).split(rows: rows))
    let sharding = Sharding(rank: communicator.rank, rankCount: communicator.size)
    let batch = try Loader.load(0, of: data, Sampler(of: data, batchSize: rows), epoch: 0) { sharding.slices(of: $0) }
    var order: [String] = []
    rehearsal.begin(firstSum: { order.append("sum") }, allComputed: { order.append("computed") })
    try trainer.step(batch)
    let step = rehearsal.step
    let bytes = step.sums.map(\.bytes).reduce(0, +)
    #expect(bytes == 2644)
    #expect(step.sums.allSatisfy { $0.seconds > 0 && $0.seconds <= step.computing })
    #expect(step.meetings == 1 && order == ["sum", "computed"])
  }
}
