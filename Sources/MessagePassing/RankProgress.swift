/// What one rank was last seen doing, and for how long its watchdog has given no sign of life.
struct RankProgress: Equatable, Sendable {
  var rank: Int
  var step: Int?
  /// Whether it is in `operation`, or has left it.
  var isInside: Bool
  var operation: Operation
  var communicator: UInt16
  var sequence: Int
  /// The rank it sends to or receives from.
  var peer: Int?
  var silentSeconds: Double

  /// For example `at step 41 in allreduce #118` or `at step 41, outside any collective, after allreduce #117`.
  var place: String {
    let step = step.map { "at step \($0)" }
    let name = "\(operation) #\(sequence)" + (communicator == 0 ? "" : " of communicator \(communicator)")
    if isInside { return [step, "in \(name)"].compactMap { $0 }.joined(separator: " ") }
    let outside = operation == .none ? "before any collective" : "outside any collective, after \(name)"
    return [step, outside].compactMap { $0 }.joined(separator: ", ")
  }
}

/// Finds out for whom a rank waits, from what the ranks of its host show. A pure function, so that tests can try each case.
struct Diagnosis: Equatable, Sendable {
  /// One sentence, for example `rank 2 is late: at step 41 in allreduce #117`.
  let text: String
  /// Whether it names a rank; otherwise another host's ranks may know better.
  let namesRank: Bool

  /// - Parameters:
  ///   - own: the waiting rank
  ///   - local: the ranks of its host, itself included or not
  ///   - members: the ranks it waits for, as ranks of the job
  ///   - silenceLimitSeconds: a rank that gave no sign of life for longer than this is stopped
  init(own: RankProgress, local: [RankProgress], members: [Int], silenceLimitSeconds: Double) {
    let awaited = own.peer.map { [$0] } ?? members
    let others = local.filter { $0.rank != own.rank && awaited.contains($0.rank) }.sorted { $0.rank < $1.rank }

    let stopped = others.filter { $0.silentSeconds > silenceLimitSeconds }
    if !stopped.isEmpty {
      self.init(stopped) { "rank \($0.rank) is stopped: \($0.place)" }
      return
    }
    let elsewhere = others.filter { !$0.hasReached(own) }
    let inAnother = elsewhere.filter(\.isInside)
    // Who is in another collective waits, too: most likely for those who are in none. Else the calls don't match.
    let idle = elsewhere.isEmpty ? others.filter { !$0.isInside } : elsewhere.filter { !$0.isInside }
    if !idle.isEmpty {
      self.init(idle) { "rank \($0.rank) is late: \($0.place)" }
    } else if !inAnother.isEmpty {
      self.init(inAnother) { other in
        let isBehind = other.communicator == own.communicator && other.sequence < own.sequence
        return "rank \(other.rank) is \(isBehind ? "late" : "in another collective"): \(other.place)"
      }
    } else if awaited.contains(where: { rank in !local.contains { $0.rank == rank } }) {
      self.init(text: "a rank on another host is late", namesRank: false)
    } else {
      self.init(text: "all ranks have reached it, but MPI makes no progress", namesRank: false)
    }
  }

  private init(text: String, namesRank: Bool) {
    self.text = text
    self.namesRank = namesRank
  }

  private init(_ ranks: [RankProgress], _ describe: (RankProgress) -> String) {
    let shown = ranks.prefix(3).map(describe).joined(separator: "; ")
    let rest = ranks.count - 3
    self.init(text: shown + (rest > 0 ? "; and \(rest) more" : ""), namesRank: true)
  }
}

extension RankProgress {
  /// Whether this rank is in the operation in which `other` waits, or has already been through it.
  fileprivate func hasReached(_ other: RankProgress) -> Bool {
    if other.peer != nil { return isInside && peer == other.rank }
    guard communicator == other.communicator else { return false }
    if sequence == other.sequence { return operation == other.operation || !isInside }
    return sequence > other.sequence
  }
}
