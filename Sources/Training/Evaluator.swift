import DataParallel
import Datasets
import Kernels
import MessagePassing
import Networks
import Tensors

/// Runs a model in evaluation mode over a data set that all ranks share out; each sample counts once.
public struct Evaluator {
  /// Samples over all ranks that are loaded at once, where they don't go on from one to the next.
  private static let batchSize = 1024

  private let model: Module
  private let objective: any Objective
  private let sharding: Sharding
  private let communicator: Communicator
  private let kernels: KernelOptions
  /// Where plans of `tuned` kernels are kept.
  var planFolder = PlanFile.usualFolder
  /// Told after each batch which share of the data is done; 1 at the end.
  public var progress: ((Double) -> Void)?

  /// The sharding is the strategy's, or `configuration.sharding(communicator)` without a trainer; the kernels should be
  /// those that the model was trained with, so that its numbers are the training's.
  public init(
    _ model: Module, _ objective: any Objective, _ sharding: Sharding, _ communicator: Communicator,
    _ kernels: KernelOptions = .current
  ) {
    (self.model, self.objective, self.sharding, self.communicator) = (model, objective, sharding, communicator)
    self.kernels = kernels
  }

  /// The totals over all samples and ranks, added slice by slice in the order of the data.
  public func evaluate(_ dataset: any Dataset) throws -> Totals {
    // A training goes on from its own states.
    let carried = objective.memory?.snapshot
    defer { if let carried { objective.memory?.goBack(to: carried) } }
    var slices: [SliceTotals] = []
    try forEachSlice(of: dataset) { slice in
      guard let first = slice.samples.first else { return }
      slices.append(SliceTotals(first: first, totals: try objective.totals(of: model, on: slice)))
    }
    let all = try communicator.tellAll(slices).flatMap { $0 }.sorted { $0.first < $1.first }
    return all.reduce(into: Totals(objective.sums)) { $0 += $1.totals }
  }

  /// The model's outputs `[count, …]` in the order of the data, on rank 0; nil on the others.
  public func predict(_ dataset: any Dataset) throws -> (values: [Float], width: Int)? {
    var mine: [Float] = []
    var width = 0
    try forEachSlice(of: dataset) { slice in
      if slice.samples.isEmpty { return }
      let output = model(slice.inputs).flattened()
      width = output.shape[1]
      mine += try output.floats()
    }
    width = Int(try communicator.allReduce([Int64(width)], .maximum)[0])
    guard let shares = try communicator.gather(mine, to: 0) else { return nil }
    return (interleave(shares, of: sampler(of: dataset), width: width), width)
  }

  /// Each rank's outputs are its shards of all batches in a row; the data's order takes one shard of each rank in turn.
  private func interleave(_ shares: [[Float]], of sampler: Sampler, width: Int) -> [Float] {
    var result: [Float] = []
    result.reserveCapacity(sampler.sampleCount * width)
    var taken = [Int](repeating: 0, count: shares.count)
    for batch in 0..<sampler.batchCount {
      for rank in shares.indices {
        let shard = sharding.of(rank: rank).shard(of: sampler.batch(batch).count)
        result += shares[rank][taken[rank]..<taken[rank] + shard.count * width]
        taken[rank] += shard.count * width
      }
    }
    return result
  }

  private func sampler(of dataset: any Dataset) -> Sampler {
    Sampler(sampleCount: dataset.count, batchSize: dataset.rows ?? Self.batchSize, ordering: .inOrder)
  }

  private func forEachSlice(of dataset: any Dataset, _ body: (Batch) throws -> Void) throws {
    let sampler = sampler(of: dataset)
    let loader = Loader(dataset, sampler, epoch: 0) { [sharding] in sharding.slices(of: $0) }
    defer { loader.cancel() }
    let wasTraining = model.isTraining
    model.evaluate()
    defer { model.train(wasTraining) }
    let kernels = try kernels.tuned(over: communicator, keptIn: planFolder) { try rehearse(dataset, sampler) }
    try communicator.working(at: .computing) {
      try kernels.run {
        try withoutGradient {
          while let batch = try loader.next() {
            for slice in batch.slices { try body(slice) }
            progress?(Double(batch.index + 1) / Double(sampler.batchCount))
          }
        }
      }
    }
  }
}

extension Evaluator {
  /// The first slice alone, for what it asks of kernels; nothing of it stays.
  private func rehearse(_ dataset: any Dataset, _ sampler: Sampler) throws {
    guard sampler.batchCount > 0 else { return }
    let batch = try Loader.load(0, of: dataset, sampler, epoch: 0) { [sharding] in sharding.slices(of: $0) }
    guard let slice = batch.slices.first(where: { !$0.samples.isEmpty }) else { return }
    let carried = objective.memory?.snapshot
    defer { if let carried { objective.memory?.goBack(to: carried) } }
    _ = try withoutGradient { try objective.totals(of: model, on: slice) }
  }
}

/// What a slice of the data came to.
private struct SliceTotals: Packable {
  /// Its first sample.
  let first: Int
  let totals: Totals

  init(first: Int, totals: Totals) { (self.first, self.totals) = (first, totals) }

  func pack(into packet: inout Packet) {
    packet.pack(first)
    packet.pack(totals)
  }
  init(from packet: inout Packet) throws { (first, totals) = (try packet.unpack(), try packet.unpack()) }
}
