import DataParallel
import Datasets
import Failures
import Foundation
import MessagePassing
import Networks
import Tensors

/// Replay: every so many steps each rank computes another's virtual shards again and compares the gradients' bits, so that a
/// processor or memory that computes wrongly is found, and not trained on.
///
/// Only reproducible mode can: there a virtual shard's gradients are the same bits whoever computes them. Whose shards a rank
/// takes is drawn by seed and step. At worst a step is computed twice; the replicas' comparison (`verify`) watches what comes
/// after the gradients.
extension Trainer {
  /// What a step that is audited needs of before its beginning; nil for all others.
  func beginAudit() -> Audit? {
    guard let every = settings.audit, (position.step + 1) % every == 0 else { return nil }
    guard source != nil, let ledger = strategy.ledger else { return nil }
    ledger.open()
    return Audit(ledger: ledger, carried: objective.memory?.carried)
  }

  /// Throws on all ranks where one's gradients are not what another computes.
  func finish(_ audit: Audit, _ batch: StepBatch) throws {
    audit.ledger.close()
    let ranks = communicator.size
    let key = RandomKey(seed: settings.seed, layer: 0x0A0D_17, time: position.epoch, sample: position.step)
    let distance = ranks == 1 ? 0 : 1 + key.bounded(ranks - 1, draw: 0)
    let replay = try Replay(self, audit, batch)
    let target = (communicator.rank + distance) % ranks
    let again = try communicator.agreeing("audit") { try replay.digests(of: target, nil) }
    let all = try communicator.tellAll(audit.ledger.digests)
    let found = try communicator.tellAll(Self.firstDifference(again, all[target]))
    guard let auditor = found.firstIndex(where: { !$0.isEmpty }) else { return }
    let (owner, leaf, tensor) = ((auditor + distance) % ranks, found[auditor][0], found[auditor][1])
    // Who is wrong: what most ranks come to is right.
    let votes = try communicator.tellAll(
      communicator.agreeing("audit") { try replay.digests(of: owner, leaf)[0][tensor] })
    let right = votes.first { vote in votes.count { $0 == vote } * 2 > ranks }
    let suspects = right.map { $0 == all[owner][leaf][tensor] ? [auditor] : [owner] } ?? [owner, auditor]
    let hosts = try communicator.tellAll(ProcessInfo.processInfo.hostName)
    throw AuditError(
      suspects: suspects.map { (rank: $0, host: hosts[$0]) }, tensor: replay.name(of: tensor), step: position.step + 1)
  }
}

extension Trainer {
  /// The virtual shard and tensor of the first digest that is not the same; empty where all are.
  private static func firstDifference(_ left: [[UInt64]], _ right: [[UInt64]]) -> [Int] {
    for (leaf, pair) in zip(left, right).enumerated() {
      if let tensor = zip(pair.0, pair.1).enumerated().first(where: { $0.element.0 != $0.element.1 })?.offset {
        return [leaf, tensor]
      }
    }
    return []
  }
}

/// A step whose gradients are audited.
struct Audit {
  let ledger: GradientLedger
  /// States of sequences that this rank's samples began with.
  let carried: CarriedRows?
}

/// Where a trainer's batches come from, so that another rank's can be made as well.
struct BatchSource {
  let dataset: any Dataset
  let sampler: Sampler
  let epoch: Int
}

/// Computes virtual shards of a step again, between its sums and its update; all is then as it was.
private struct Replay {
  private let trainer: Trainer
  private let batch: StepBatch
  private let source: BatchSource
  private let tensors: [Tensor]
  /// Of all ranks, from before the step.
  private let carried: Tensor?

  init(_ trainer: Trainer, _ audit: Audit, _ batch: StepBatch) throws {
    guard let source = trainer.source else { throw TensorError("audit", "knows no data to compute again") }
    (self.trainer, self.batch, self.source) = (trainer, batch, source)
    tensors = trainer.strategy.replica.summed
    carried = try audit.carried.flatMap { try SequenceMemory.merged(trainer.communicator.tellAll($0)) }
  }

  /// The digests of another rank's virtual shards, or of one of them.
  func digests(of rank: Int, _ leaf: Int?) throws -> [[UInt64]] {
    let sharding = trainer.strategy.sharding.of(rank: rank)
    let other = try Loader.load(batch.index, of: source.dataset, source.sampler, epoch: source.epoch) {
      let slices = sharding.slices(of: $0)
      return leaf.map { [slices[$0]] } ?? slices
    }
    let (gradients, memory) = (tensors.map(\.gradient), trainer.objective.memory)
    let after = memory?.snapshot
    defer {
      for (tensor, gradient) in zip(tensors, gradients) { tensor.gradient = gradient }
      after.map { memory?.goBack(to: $0) }
    }
    for tensor in tensors { tensor.gradient = nil }
    if let carried { try memory?.restore(carried) }
    return try other.slices.map { slice in
      let losses = try trainer.loss(of: trainer.forward(slice, of: other), on: slice)
      try losses?.sum.backward(seed: 1 / Double(other.globalWeight))
      defer { for tensor in tensors { tensor.gradient = nil } }
      return try GradientLedger.digests(of: tensors)
    }
  }

  func name(of index: Int) -> String {
    let tensor = tensors[index]
    if let known = trainer.model.namedParameters.first(where: { $0.tensor === tensor }) { return known.name }
    let layer = trainer.model.namedModules().first { $0.module.stepSums.contains { $0 === tensor } }
    return "the statistics of \(layer?.name ?? "a layer")"
  }
}

/// A rank's gradients that are not the bits that others compute from the same numbers.
public struct AuditError: Failure {
  /// The rank that most others contradict, with its host; two where it is one word against another's.
  public let suspects: [(rank: Int, host: String)]
  /// The parameter whose gradient it is.
  public let tensor: String
  /// Of the optimizer, from 1: the one that was not taken.
  public let step: Int

  public var kind: FailureKind { .corruption }
  public var isAgreed: Bool { true }
  public var description: String {
    let names = suspects.map { "rank \($0.rank) (\($0.host))" }.joined(separator: " or ")
    return "\(names) computed a wrong gradient of \(tensor) at step \(step): others come to other bits from the same "
      + "numbers, so a processor or memory there may be faulty; nothing was updated, the last good checkpoint stays"
  }
}
