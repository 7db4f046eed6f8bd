import Lockstep
import Testing

@testable import TestSupport

/// Which parts of a text the ranks take, and where carried states go.
@Suite struct SamplingTests {
  /// Tokens that are their own places.
  private func places(_ count: Int) -> [Int32] { (0..<Int32(count)).map { $0 } }

  private struct Part: Hashable {
    let start, row, step: Int
  }

  /// All parts that 1 to 4 ranks take in an epoch, rank by rank. Fails for a target that is not the next token.
  private func parts(of text: any Dataset, _ sampler: Sampler, epoch: Int, ranks: Int) throws -> [[Part]] {
    let order = sampler.order(epoch: epoch).samples
    return try (0..<ranks).map { rank in
      var parts: [Part] = []
      for step in 0..<sampler.batchCount {
        let whole = sampler.batch(step)
        for slice in Sharding(rank: rank, rankCount: ranks, sliceSize: 3).slices(of: whole.count) {
          let batch = try text.batch(slice.map { order[whole.lowerBound + $0] })
          let (inputs, targets) = (try batch.inputs.values(as: Int64.self), try batch.targets.values(as: Int64.self))
          let steps = batch.inputs.shape[1]
          for row in 0..<slice.count {
            let start = inputs[row * steps]
            let range = row * steps..<(row + 1) * steps
            #expect(Array(inputs[range]) == Array(start..<start + Int64(steps)))
            #expect(targets[range].map { $0 - 1 } == Array(inputs[range]))
            parts.append(Part(start: Int(start), row: batch.continuation?.rows[row] ?? -1, step: step))
          }
          #expect(batch.continuation.map { $0.isStart == (step == 0) } ?? true)
        }
      }
      return parts
    }
  }

  /// Random sampling: the text from the epoch's offset on, cut into parts, each once; on any ranks the same.
  @Test func everyPartOnce() throws {
    var draw = SeededNumbers(21)
    for _ in 0..<300 {
      let (steps, batchSize, epoch) = (draw.int(1...9), draw.int(1...12), draw.int(0...5))
      let count = draw.int(steps + 1...steps + 150)
      let text = try TextDataset(places(count), steps: steps, sampling: .random)
        .arranged(epoch: epoch, batchSize: batchSize, seed: 3)
      let sampler = Sampler(of: text, batchSize: batchSize, seed: 3)
      for ranks in 1...4 {
        let starts = try parts(of: text, sampler, epoch: epoch, ranks: ranks).flatMap { $0 }.map(\.start).sorted()
        let first = try #require(starts.first)
        #expect(first < steps && starts == (0..<text.count).map { first + $0 * steps })
        // What is left out is the room that the offset needs, and less than a part.
        #expect(count - 1 - text.count * steps < 2 * steps)
      }
    }
  }

  /// Sequential sampling: a row goes on where it ended, on the same rank, and rows don't overlap.
  @Test func rowsGoOnWithTheirRank() throws {
    var draw = SeededNumbers(22)
    for _ in 0..<300 {
      let (steps, batchSize, epoch) = (draw.int(1...9), draw.int(1...12), draw.int(0...5))
      let count = draw.int(steps + 1...steps + 300)
      let text = try TextDataset(places(count), steps: steps, sampling: .sequential)
        .arranged(epoch: epoch, batchSize: batchSize, seed: 3)
      let sampler = Sampler(of: text, batchSize: batchSize, seed: 3)
      #expect(text.rows != nil && sampler.order(epoch: epoch).samples == Array(0..<text.count))
      for ranks in 1...4 {
        let taken = try parts(of: text, sampler, epoch: epoch, ranks: ranks)
        #expect(Set(taken.flatMap { $0 }.map(\.start)).count == text.count)
        let owners = taken.map { Set($0.map(\.row)) }
        #expect(owners.reduce(0) { $0 + $1.count } == Set(owners.flatMap { $0 }).count, "a row on two ranks")
        for row in Dictionary(grouping: taken.flatMap { $0 }, by: \.row).values {
          let inOrder = row.sorted { $0.step < $1.step }
          #expect(inOrder.map(\.step) == Array(0..<sampler.batchCount))
          #expect(inOrder.map(\.start) == (0..<sampler.batchCount).map { inOrder[0].start + $0 * steps })
        }
        let covered = taken.flatMap { $0 }.flatMap { $0.start..<$0.start + steps }
        #expect(Set(covered).count == covered.count, "a token twice")
      }
    }
  }

  /// An evaluation takes the text from its beginning, in rows that leave out a hundredth at most.
  @Test func evaluationTakesTheWholeText() throws {
    var draw = SeededNumbers(23)
    for _ in 0..<300 {
      let (steps, limit) = (draw.int(1...9), draw.int(1...12))
      let count = draw.int(steps + 1...steps + 300)
      let text = try TextDataset(places(count), steps: steps, sampling: .sequential).inRows(atMost: limit)
      let rows = try #require(text.rows)
      #expect(rows <= limit && text.count % rows == 0)
      #expect((count - 1) / steps - text.count <= (count - 1) / steps / 100)
      let starts = (0..<text.count).map(text.start)
      #expect(starts.min() == 0 && Set(starts.flatMap { $0..<$0 + steps }).count == text.count * steps)
      for sample in rows..<max(rows, text.count) {
        #expect(text.start(of: sample) == text.start(of: sample - rows) + steps)
      }
    }
  }

  @Test func epochsBeginElsewhere() throws {
    for sampling in SequenceSampling.allCases {
      let text = try TextDataset(places(400), steps: 8, sampling: sampling)
      let all = try (0..<40).map { epoch in
        let arranged = text.arranged(epoch: epoch, batchSize: 4, seed: 1)
        return (arranged.count, try arranged.batch([0]).inputs.values(as: Int64.self)[0])
      }
      #expect(Set(all.map(\.0)).count == 1 && Set(all.map(\.1)).count >= 6)
    }
  }
}
