import CMPI

/// The checked mode's comparison: do all ranks of a communicator call the same collective?
struct Agreement {
  let rank: Int
  let size: Int
  let sequence: Int

  /// Exchanges every rank's call. Every rank sees all of them, so all throw the same line, or none does.
  func compare(_ call: CollectiveCall, on handle: MPI_Comm) throws {
    let own = [Int64(sequence)] + call.words
    var all = [Int64](repeating: 0, count: own.count * size)
    let type = MessageType.int64.datatype
    let status = MPI_Allgather(own, Int32(own.count), type, &all, Int32(own.count), type, handle)
    try check(status, "comparison of \(call.operation) #\(sequence)", rank: rank)

    let calls = (0..<size).map { all[($0 * own.count)..<(($0 + 1) * own.count)] }
    guard calls.contains(where: { !$0.elementsEqual(own) }) else { return }
    throw MessagePassingError(.mismatch, "\(call.operation) #\(sequence)", Self.describe(calls), rank: rank)
  }

  /// Groups the ranks by what they call, most ranks first; `calls[rank]` is a sequence number and a call's words.
  static func describe(_ calls: [ArraySlice<Int64>]) -> String {
    var groups: [(words: [Int64], ranks: [Int])] = []
    for (rank, words) in calls.enumerated() {
      if let index = groups.firstIndex(where: { $0.words.elementsEqual(words) }) {
        groups[index].ranks.append(rank)
      } else {
        groups.append((Array(words), [rank]))
      }
    }
    // Ties go to the lowest rank, so that every rank prints the same.
    groups.sort { ($1.ranks.count, $0.ranks[0]) < ($0.ranks.count, $1.ranks[0]) }
    let parts = groups.map { group in
      let call = CollectiveCall(words: group.words.dropFirst())
      let verb = group.ranks.count == 1 ? "calls" : "call"
      return "\(rankList(group.ranks)) \(verb) \(call.map { "\($0)" } ?? "an unknown collective") #\(group.words[0])"
    }
    return "ranks disagree: " + parts.joined(separator: "; ")
  }
}

/// `rank 3`, `ranks 0, 2` or, shortening runs, `ranks 0–6, 9`. The ranks ascend.
func rankList(_ ranks: [Int]) -> String {
  var runs: [ClosedRange<Int>] = []
  for rank in ranks {
    if let last = runs.last, rank == last.upperBound + 1 {
      runs[runs.count - 1] = last.lowerBound...rank
    } else {
      runs.append(rank...rank)
    }
  }
  let texts = runs.flatMap { run in
    run.count < 3 ? run.map { "\($0)" } : ["\(run.lowerBound)–\(run.upperBound)"]
  }
  return (ranks.count == 1 ? "rank " : "ranks ") + texts.joined(separator: ", ")
}
