/// The checked mode's comparison: do all ranks of a communicator call the same collective?
enum Agreement {
  /// Exchanges every rank's call. Every rank sees all of them, so all throw the same line, or none does.
  static func compare(_ call: CollectiveCall, sequence: Int, over transport: any Transport) throws {
    let own = [Int64(sequence)] + call.words
    let calls = try transport.gatherAlike(own)
    guard calls.contains(where: { $0 != own }) else { return }
    throw TransportFault(.mismatch, describe(calls.map { $0[...] }))
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
