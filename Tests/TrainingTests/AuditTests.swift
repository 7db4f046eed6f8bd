import Lockstep
import Testing

@testable import TestSupport
@testable import Training

/// `--audit`: a flipped bit in a gradient is named; see also `AuditRanksTests`.
@Suite(.timeLimit(.minutes(10))) struct AuditTests {
  static func configuration(every steps: Int?) -> Configuration {
    var result = poisonedConfiguration(.sgd, .stop)
    (result.audit, result.epochs) = (steps, 3)
    return result
  }

  /// One flip in some gradient of an audited step, 201 times: each is named with its rank, step and tensor.
  @Test(arguments: [2, 3, 4]) func everyFlipIsNamed(_ ranks: Int) throws {
    var numbers = SeededNumbers(UInt64(ranks))
    let names = ["1.weight", "1.bias", "2.weight", "2.bias", "5.weight", "5.bias", "the statistics of 2"]
    for _ in 0..<67 {
      let flip = Flip(
        rank: numbers.int(0...ranks - 1), step: 3 * numbers.int(1...4), shard: numbers.int(0...3),
        tensor: names[numbers.int(0...6)], bit: numbers.int(0...30), seed: numbers.int(0...10000))
      let error = #expect(throws: AuditError.self) {
        try SimulatedJob.run(ranks: ranks) { communicator in
          try Flipping.trainer(Self.configuration(every: 3), communicator, flip).fit(ImageDataset(smallImages(100)))
        }
      }
      #expect(error?.suspects.map(\.rank) == [flip.rank], "\(flip): \(String(describing: error))")
      #expect(error?.step == flip.step && error?.tensor == flip.tensor, "\(flip): \(String(describing: error))")
      #expect(error?.kind == .corruption && error?.isAgreed ?? false)
    }
  }

  /// A rank that always errs is found within one window; on two ranks it is one word against another's.
  @Test(arguments: [2, 3]) func aFaultThatStays(_ ranks: Int) throws {
    let flip = Flip(rank: 1, step: nil, shard: 0, tensor: "5.weight", bit: 3, seed: 9)
    let error = #expect(throws: AuditError.self) {
      try SimulatedJob.run(ranks: ranks) { communicator in
        try Flipping.trainer(Self.configuration(every: 4), communicator, flip).fit(ImageDataset(smallImages(100)))
      }
    }
    #expect(error?.step == 4 && error?.suspects.map(\.rank) == [1], "\(String(describing: error))")
  }

  @Test(arguments: [1, 2, 4]) func noFalseAlarm(_ ranks: Int) throws {
    let digests = try simulated(ranks) { communicator in
      let trainer = try Flipping.trainer(Self.configuration(every: 1), communicator, nil)
      try trainer.fit(ImageDataset(smallImages(100)))
      return try digest(trainer.model)
    }
    let alone = try Flipping.trainer(Self.configuration(every: nil), .alone, nil)
    try alone.fit(ImageDataset(smallImages(100)))
    // To look changes nothing.
    #expect(Set(digests) == [try digest(alone.model)])
  }

  @Test func auditNeedsReproducibleMode() {
    var configuration = smallConfiguration()
    configuration.audit = 10
    let error = #expect(throws: ConfigurationError.self) { try configuration.validate() }
    #expect(error?.description.hasPrefix("audit needs --reproducible") ?? false)
  }
}

/// Which bit of which gradient changes on its way into the sums.
struct Flip: Sendable {
  let rank: Int
  /// nil for every step.
  let step: Int?
  /// One of the rank's own, from 0; the last where it has fewer.
  let shard: Int
  let tensor: String
  let bit: Int
  let seed: Int
}

/// Reproducible mode on a machine that flips a bit.
final class Flipping: Strategy {
  private let inner: Reproducible
  private let flip: Flip?
  private var step = 0
  private var shard = 0

  init(_ inner: Reproducible, _ flip: Flip?) { (self.inner, self.flip) = (inner, flip) }

  static func trainer(
    _ configuration: Configuration, _ communicator: Communicator, _ flip: Flip?
  ) throws -> Trainer {
    let model = normalizedNetwork()
    model.initializeAll(seed: 7)
    return try Trainer(model, Classification(), configuration, on: communicator) { replica, communicator in
      Flipping(Reproducible(replica, over: communicator, virtualShards: configuration.virtualShards), flip)
    }
  }

  var replica: Replica { inner.replica }
  var communicator: Communicator { inner.communicator }
  var sharding: Sharding { inner.sharding }
  var statistics: StatisticsScope { inner.statistics }
  var ledger: GradientLedger? { inner.ledger }

  func beginStep() throws {
    (step, shard) = (step + 1, 0)
    try inner.beginStep()
  }

  func gradientReady(_ tensor: Tensor) throws { try inner.gradientReady(tensor) }

  func endSlice(_ sums: [Double]) throws {
    let own = sharding.slices(of: 16).count
    if let flip, flip.rank == communicator.rank, flip.step ?? step == step, min(flip.shard, own - 1) == shard {
      let layers = replica.model.namedModules().flatMap { layer in
        layer.module.stepSums.map { (name: "the statistics of \(layer.name)", tensor: $0) }
      }
      let found = (replica.model.namedParameters.map { (name: $0.name, tensor: $0.tensor as Tensor) } + layers)
        .first { $0.name == flip.tensor }
      try found?.tensor.gradient?.withFloats { values in
        let place = flip.seed % values.count
        values[place] = Float(bitPattern: values[place].bitPattern ^ 1 << UInt32(flip.bit))
      }
    }
    shard += 1
    try inner.endSlice(sums)
  }

  func reduce(_ notes: [Double], sumCount: Int) throws -> (sums: [Double], notes: [Double]) {
    try inner.reduce(notes, sumCount: sumCount)
  }
}
