import Lockstep
import Testing

@testable import TestSupport
@testable import Training

/// `--check-numerics`: the first number that is not finite is named, with all that leads to it.
@Suite(.timeLimit(.minutes(10))) struct NumericsTests {
  /// A layer of one function.
  private final class Function: Module {
    let function: @Sendable (Tensor) -> Tensor
    init(_ function: @escaping @Sendable (Tensor) -> Tensor) { self.function = function }
    override func forward(_ input: Tensor) -> Tensor { function(input) }
  }

  /// Samples of three numbers in two classes; one of them may be infinite.
  private struct Points: Dataset {
    let count: Int
    var infinite: Int?

    func batch(_ samples: [Int]) throws -> Batch {
      let rows = samples.map { sample -> [Float] in
        sample == infinite ? [1, .infinity, 0] : [Float(sample % 3), 1, Float(sample % 2)]
      }
      return Batch(inputs: Tensor(rows), targets: Tensor(samples.map { Int64($0 % 2) }), samples: samples)
    }
  }

  private func configuration(_ isReproducible: Bool) -> Configuration {
    var result = Configuration(model: "test", epochs: 1, batchSize: 8, learningRate: 0.01, seed: 3, sliceSize: 2)
    (result.reproducible, result.virtualShards) = (isReproducible, 4)
    return result
  }

  /// Trains on simulated ranks, after `spoil` has been at each one's model; what the job ends with. Every rank ends.
  private func failure(
    ranks: Int, reproducible: Bool, _ points: Points, _ make: @escaping @Sendable () -> Module,
    spoil: @escaping @Sendable (Module, Int) throws -> Void = { _, _ in }
  ) -> String? {
    let configuration = configuration(reproducible)
    do {
      try SimulatedJob.run(ranks: ranks) { communicator in
        let trainer = try Trainer(drawing: make(), Classification(), configuration, on: communicator)
        trainer.checks.numerics = true
        try spoil(trainer.model, communicator.rank)
        try trainer.fit(points)
      }
      return nil
    } catch {
      #expect(failureKind(of: error) == .internalError)
      return "\(error)"
    }
  }

  /// Whose sample it is, in which step and with which others it was computed.
  private func place(of sample: Int, _ points: Points, ranks: Int, reproducible: Bool) throws -> (
    rank: Int, step: Int, slice: [Int]
  ) {
    let configuration = configuration(reproducible)
    let sampler = Sampler(sampleCount: points.count, batchSize: configuration.batchSize, seed: configuration.seed)
    let order = sampler.order(epoch: 0).samples
    for step in 0..<sampler.batchCount {
      let batch = sampler.batch(step)
      for rank in 0..<ranks {
        let sharding = Sharding(
          rank: rank, rankCount: ranks, sliceSize: configuration.sliceSize, virtualShards: reproducible ? 4 : nil)
        for slice in sharding.slices(of: batch.count) {
          let samples = slice.map { order[batch.lowerBound + $0] }
          if samples.contains(sample) { return (rank, step + 1, samples) }
        }
      }
    }
    throw TensorError("test", "sample \(sample) is nowhere")
  }

  @Test(arguments: [true, false]) func aNaNWeightOfOneReplica(_ reproducible: Bool) throws {
    let points = Points(count: 20)
    let make = { @Sendable () -> Module in Sequential(Linear(3, 4), ReLU(), Linear(4, 2)) }
    let message = failure(ranks: 3, reproducible: reproducible, points, make) { model, rank in
      if rank == 1 { try model.namedParameters[2].tensor.withFloats { $0[3] = .nan } }
    }
    let sampler = Sampler(sampleCount: 20, batchSize: 8, seed: 3)
    let sharding = Sharding(rank: 1, rankCount: 3, sliceSize: 2, virtualShards: reproducible ? 4 : nil)
    let slice = try #require(sharding.slices(of: 8).first).map { sampler.order(epoch: 0).samples[$0] }
    #expect(
      message
        == "rank 1: NaN first came from parameter 2.weight in layer 2 (Linear), forward, at step 1, slice of samples \(slice)"
    )
  }

  @Test(arguments: [true, false], [0, 5, 19]) func anInfiniteSample(_ reproducible: Bool, _ sample: Int) throws {
    let points = Points(count: 20, infinite: sample)
    let message = failure(ranks: 3, reproducible: reproducible, points) {
      Sequential(Linear(3, 4), ReLU(), Linear(4, 2))
    }
    let (rank, step, slice) = try place(of: sample, points, ranks: 3, reproducible: reproducible)
    let found = try #require(message)
    #expect(found.hasPrefix("rank \(rank): "), "\(found)")
    #expect(found.contains(" first came from linear in layer 0 (Linear), forward"), "\(found)")
    #expect(found.hasSuffix(", at step \(step), slice of samples \(slice)"), "\(found)")
  }

  /// log 0 is minus infinity at once; the root of 0 is 0, and only its derivative is infinite.
  @Test(arguments: [true, false]) func forwardAndBackward(_ reproducible: Bool) throws {
    func message(_ function: @escaping @Sendable (Tensor) -> Tensor) -> String? {
      failure(ranks: 2, reproducible: reproducible, Points(count: 9)) {
        Sequential(Linear(3, 2), Function(function))
      } spoil: { model, rank in
        if rank == 1 {
          for parameter in model.namedParameters { try parameter.tensor.withFloats { $0.update(repeating: 0) } }
        }
      }
    }
    let forward = try #require(message { $0.abs().log() })
    #expect(
      forward.contains("rank 1: infinity first came from log in layer 1 (Function), forward, at step 1"), "\(forward)")
    let backward = try #require(message { $0.abs().sqrt() })
    #expect(
      backward.contains("rank 1: infinity first came from sqrt in layer 1 (Function), backward, at step 1"),
      "\(backward)")
  }

  /// A layer within a layer is the one that is named, by the name that its parameters bear.
  @Test func theInnermostLayer() throws {
    let found = try #require(
      failure(ranks: 1, reproducible: true, Points(count: 8)) {
        Sequential(Linear(3, 2), Sequential(ReLU(), Sequential(Function { $0 / 0 })))
      })
    #expect(found.contains("in layer 1.1.0 (Function), forward, at step 1, slice of samples"), "\(found)")
    #expect(!found.hasPrefix("rank"), "\(found)")
  }

  @Test(arguments: [true, false]) func goodNumbersPass(_ reproducible: Bool) throws {
    let message = failure(ranks: 3, reproducible: reproducible, Points(count: 20)) {
      Sequential(Linear(3, 4), Sigmoid(), Linear(4, 2))
    }
    #expect(message == nil)
  }

  /// Looking changes nothing.
  @Test func theBitsStay() throws {
    func bits(_ isChecking: Bool) throws -> [[UInt32]] {
      let trainer = try Trainer(
        drawing: Sequential(Linear(3, 4), ReLU(), Dropout(0.3), Linear(4, 2)), Classification(), configuration(true))
      trainer.checks.numerics = isChecking
      try trainer.fit(Points(count: 20))
      return try trainer.model.state.map { try $0.tensor.floats().map(\.bitPattern) }
    }
    #expect(try bits(true) == bits(false))
  }
}
