import Testing

@testable import MessagePassing

/// Schedules played by all ranks in turn, in memory.
@Suite struct SumScheduleTests {
  typealias Maker = @Sendable (Int, Int) -> SumSchedule

  /// What every rank ends with, of a vector of `count` numbers each.
  private func play(_ make: Maker, _ vectors: [[Float]]) -> [[Float]] {
    let (size, count) = (vectors.count, vectors[0].count)
    let schedules = (0..<size).map { make($0, size) }
    var (vectors, turn) = (vectors, [Int](repeating: 0, count: size))
    var mail: [[Int]: [[Float]]] = [:]
    func elements(_ schedule: SumSchedule, _ range: Range<Int>) -> Range<Int> {
      count * range.lowerBound / schedule.segments..<count * range.upperBound / schedule.segments
    }
    var sent = Set<[Int]>()
    var hasMoved = true
    while hasMoved {
      hasMoved = false
      for rank in 0..<size where turn[rank] < schedules[rank].steps.count {
        let step = schedules[rank].steps[turn[rank]]
        if let to = step.to, sent.insert([rank, turn[rank]]).inserted {
          mail[[rank, to], default: []].append(Array(vectors[rank][elements(schedules[rank], step.sent)]))
        }
        if let from = step.from {
          guard mail[[from, rank], default: []].isEmpty == false else { continue }
          let numbers = mail[[from, rank], default: []].removeFirst()
          for (index, number) in zip(elements(schedules[rank], step.received), numbers) {
            vectors[rank][index] = step.isAdding ? vectors[rank][index] + number : number
          }
        }
        turn[rank] += 1
        hasMoved = true
      }
    }
    #expect(turn == schedules.map(\.steps.count) && mail.values.allSatisfy(\.isEmpty))
    return vectors
  }

  /// Thirds, whose sums depend on their order.
  private func vectors(_ size: Int) -> [[Float]] {
    (0..<size).map { rank in (0..<23).map { Float(($0 + 3) * (rank * rank + 1)) / 3 } }
  }

  private func tree(_ numbers: ArraySlice<Float>) -> Float {
    guard numbers.count > 1, let first = numbers.first else { return numbers.first ?? 0 }
    let middle = numbers.startIndex + numbers.count / 2
    return numbers.count == 1 ? first : tree(numbers[..<middle]) + tree(numbers[middle...])
  }

  @Test(arguments: 1...9) func everyRankGetsTheSum(size: Int) {
    let isPower = size & (size - 1) == 0
    let makers: [Maker] = [SumSchedule.ring, SumSchedule.doubling] + (isPower ? [SumSchedule.halving] : [])
    for make in makers {
      let results = play(make, vectors(size))
      for index in 0..<23 {
        let exact = vectors(size).reduce(0.0) { $0 + Double($1[index]) }
        #expect(abs(Double(results[0][index]) - exact) <= 1e-5 * exact)
      }
      #expect(results.allSatisfy { $0.map(\.bitPattern) == results[0].map(\.bitPattern) })
    }
  }

  @Test(arguments: [1, 2, 4, 8, 16]) func pairsAreAddedInOneTree(size: Int) {
    let all = vectors(size)
    let expected = (0..<23).map { index in tree(all.map { $0[index] }[...]) }
    #expect(play(SumSchedule.doubling, all)[0] == expected)
    #expect(play(SumSchedule.halving, all)[size - 1] == expected)
  }

  /// A ring and halving send the least that there can be: all but a rank's own segment, twice.
  @Test func bytes() {
    func sent(_ schedule: SumSchedule) -> Double {
      Double(schedule.steps.reduce(0) { $0 + $1.sent.count }) / Double(schedule.segments)
    }
    for size in [2, 4, 8] {
      let least = 2 * Double(size - 1) / Double(size)
      #expect(sent(.ring(1, of: size)) == least && sent(.halving(1, of: size)) == least)
      #expect(SumSchedule.ring(1, of: size).steps.count == 2 * (size - 1))
    }
    #expect(sent(.doubling(3, of: 8)) == 3)
    #expect(SumSchedule.halving(3, of: 8).steps.count == 6)
  }
}
