import Lockstep
import Testing

@testable import TestSupport

/// What every job size must compute alike, under `launch/test-ranks` with 1 to 4 ranks.
@Suite(.serialized, .timeLimit(.minutes(5))) struct RegressionRanksTests {
  private func configuration(_ epochs: Int, reproducible: Bool = false) -> Configuration {
    var result = Configuration(model: "linear", epochs: epochs, batchSize: 10, learningRate: 0.03, seed: 3)
    result.reproducible = reproducible
    return result
  }

  private func rows(_ count: Int) throws -> TableDataset { TableDataset(try SyntheticLinearData().split(rows: count)) }

  /// Folds are whole on one rank each: the same bits as on one process.
  @Test(arguments: [2, 3, 5]) func foldsDoNotDependOnRanks(_ folds: Int) throws {
    let communicator = try Ranks.duplicate()
    let data = try rows(43)
    let configuration = configuration(4)
    func run(_ communicator: Communicator) throws -> [CrossValidation.Fold] {
      try CrossValidation(folds: folds, of: data, configuration, Regression(), on: communicator)
        .run(data) { Sequential(Linear(2, 1)) }
    }
    let (alone, together) = (try run(.alone), try run(communicator))
    #expect(together.map(\.number) == Array(1...folds))
    #expect(together.map(\.train) == alone.map(\.train) && together.map(\.valid) == alone.map(\.valid))
    #expect(together.map { $0.epochs.map(\.train) } == alone.map { $0.epochs.map(\.train) })
    #expect(alone.map { Int($0.valid.weight) }.reduce(0, +) == 43)
  }

  /// One rank's error ends the cross-validation on all of them.
  @Test func anErrorInOneFoldEndsAll() throws {
    let communicator = try Ranks.duplicate()
    let split = try SyntheticLinearData().split(rows: 40)
    var targets = split.targets ?? []
    // Only the fold that leaves this row out never trains on it.
    targets[39] = .nan
    let data = TableDataset(TableSplit(features: split.features, width: 2, targets: targets))
    let validation = try CrossValidation(folds: 4, of: data, configuration(3), Regression(), on: communicator)
    #expect(throws: (any Error).self) { try validation.run(data) { Sequential(Linear(2, 1)) } }
  }

  /// Twenty samples on up to four ranks: some steps have ranks without a sample.
  @Test func twentySamples() throws {
    let communicator = try Ranks.duplicate()
    var small = configuration(2, reproducible: true)
    small.batchSize = 3
    func train(_ communicator: Communicator) throws -> String {
      let network = Sequential(Linear(2, 1))
      try Trainer(drawing: network, Regression(), small, on: communicator).fit(rows(20), test: rows(5))
      return try digest(network)
    }
    #expect(try train(communicator) == train(.alone))
  }

  /// A layer that is used twice counts once, is reduced once, and stays tied.
  @Test func tiedParameters() throws {
    let communicator = try Ranks.duplicate()
    func train(_ communicator: Communicator) throws -> Module {
      let shared = Linear(2, 2)
      let network = Sequential(shared, Tanh(), shared, Linear(2, 1))
      #expect(network.namedParameters.map(\.name) == ["0.weight", "0.bias", "3.weight", "3.bias"])
      #expect(network.parameterCount == 9)
      try Trainer(drawing: network, Regression(), configuration(2, reproducible: true), on: communicator).fit(rows(50))
      #expect(network[0].parameters["weight"] === network[2].parameters["weight"])
      return network
    }
    let (alone, together) = (try train(.alone), try train(communicator))
    #expect(try digest(alone) == digest(together))
    let checkpoint = Dictionary(uniqueKeysWithValues: alone.state.map { ($0.name, $0.tensor) })
    #expect(checkpoint.count == 4)
    let shared = Linear(2, 2)
    let clone = Sequential(shared, Tanh(), shared, Linear(2, 1))
    try clone.load(checkpoint)
    #expect(try digest(clone) == digest(alone))
  }
}
