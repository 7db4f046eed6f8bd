import HDF5Files
import Lockstep
import Testing

@testable import TestSupport
@testable import Training

/// What a training loop of one's own needs: weights from a file, gradients averaged over the ranks.
@Suite struct OwnLoopTests {
  private func saved(_ model: Module, in folder: TemporaryFolder) throws -> CheckpointFolder {
    let checkpoints = CheckpointFolder(folder.path)
    try checkpoints.save(
      Checkpoint(
        model: model.state, optimizer: [:], optimizerSteps: 0, position: TrainingPosition(), configuration: "{}"))
    return checkpoints
  }

  @Test func weightsComeFromAFolder() throws {
    let folder = try TemporaryFolder()
    let (source, target) = (smallNetwork(), smallNetwork())
    let checkpoints = try saved(source, in: folder)
    #expect(try digest(source) != digest(target))
    #expect(try target.load(from: checkpoints) == nil)
    #expect(try digest(source) == digest(target))
  }

  @Test func whatFitsIsTakenAndTheRestIsTold() throws {
    let folder = try TemporaryFolder()
    let source = Sequential(Linear(3, 4), ReLU(), Linear(4, 10), Linear(10, 1))
    let target = Sequential(Linear(3, 4), ReLU(), Linear(4, 7), ReLU(), Linear(7, 1))
    let checkpoints = try saved(source, in: folder)
    let before = try digest(target)
    let refusal = message { try target.load(from: checkpoints) }
    let misfits =
      "4.weight is missing, 4.bias is missing, 3.bias is unknown, 3.weight is unknown, "
      + "2.weight has shape [10, 4], not [7, 4], 2.bias has shape [10], not [7]"
    #expect(refusal?.hasSuffix("checkpoint-00000000.h5: the state is of another model: \(misfits)") == true)
    #expect(try digest(target) == before)
    #expect(try target.load(from: folder.path, strict: false) == misfits)
    #expect(try bits(target.state[0].tensor) == bits(source.state[0].tensor))
    let nothing = message { try Sequential(Linear(9, 9)).load(from: folder.path, strict: false) }
    #expect(nothing?.contains("nothing in it fits the model: ") == true)
  }

  @Test func alone() throws {
    let model = Sequential(Linear(1, 1, bias: false))
    model.state[0].tensor.gradient = Tensor([[Float(3)]])
    try Communicator.alone.average(model, samples: 5)
    #expect(try model.state[0].tensor.gradient?.floats() == [3])
  }
}

extension TrainingRanksTests {
  @Suite struct OwnLoop {
    /// Rank r has r samples whose gradient is r: rank 0 has none, and the last parameter none anywhere.
    @Test func gradientsCountBySamples() throws {
      let communicator = try Ranks.duplicate()
      let (rank, size) = (communicator.rank, communicator.size)
      let model = Sequential(Linear(2, 3), Linear(2, 2, bias: false))
      try communicator.share(model)
      let lines = try communicator.everyRanks(digest(model))
      #expect(Set(lines).count == 1)
      guard size > 1 else { return }
      if rank > 0 {
        for index in 0..<2 {
          let parameter = model.namedParameters[index].tensor
          parameter.gradient = .full(parameter.shape, Double(rank))
        }
      }
      try communicator.average(model, samples: rank)
      let ranks = (0..<size).map(Float.init)
      let wanted = ranks.reduce(0) { $0 + $1 * $1 } / ranks.reduce(0, +)
      for index in 0..<2 {
        let found = try model.namedParameters[index].tensor.gradient?.floats() ?? []
        #expect(!found.isEmpty && found.allSatisfy { abs($0 - wanted) < 1e-5 })
      }
      #expect(model.namedParameters[2].tensor.gradient == nil)
      try communicator.average(model)
    }
  }
}
