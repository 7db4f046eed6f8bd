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
  /// How long it has sent and received nothing.
  var stillSeconds = Double.infinity
  /// What it does by itself, outside any operation.
  var work: LocalWork?
  /// What is known of a rank that gives no sign of life.
  var absence: Absence?
  /// Its host's name, in a job of several hosts.
  var host: String?

  /// For example `rank 2` or `rank 2 on node7`.
  var name: String { "rank \(rank)" + (host.map { " on \($0)" } ?? "") }

  /// For example `at step 41 in allreduce #118` or `at step 41, outside any collective, after allreduce #117`.
  var place: String {
    let step = step.map { "at step \($0)" }
    let name = "\(operation) #\(sequence)" + (communicator == 0 ? "" : " of communicator \(communicator)")
    if isInside { return [step, "in \(name)"].compactMap { $0 }.joined(separator: " ") }
    let outside = operation == .none ? "before any collective" : "outside any collective, after \(name)"
    return [step, outside].compactMap { $0 }.joined(separator: ", ")
  }
}

extension RankProgress {
  /// From the words of a record (`ProgressBoard`): state, step, peer, rank, work; nil where no rank has written it.
  init?(words: [UInt64], silentSeconds: Double, stillSeconds: Double) {
    let number = words.count == 5 ? words[3] & 0xFFFF_FFFF : 0
    guard number > 0 else { return nil }
    let (state, isInside) = (words[0], words[0] >> 63 == 1)
    self.init(
      rank: Int(number) - 1,
      step: words[1] == 0 ? nil : Int(truncatingIfNeeded: words[1] - 1),
      isInside: isInside,
      operation: Operation(rawValue: UInt8(state >> 56 & 0x7F)) ?? .none,
      communicator: UInt16(truncatingIfNeeded: state >> 40),
      sequence: Int(state & 0xFF_FFFF_FFFF),
      peer: words[2] == 0 ? nil : Int(truncatingIfNeeded: words[2]) - 1,
      silentSeconds: silentSeconds,
      stillSeconds: stillSeconds,
      work: isInside ? nil : LocalWork(rawValue: UInt8(words[4] >> 56)),
      absence: words[3] >> 63 == 1 ? .ended : nil)
  }
}

/// Why a rank gives no sign of life.
enum Absence: Sendable {
  /// Its process is no more.
  case ended
  /// Its host answers, but not this process.
  case stopped
  /// Its host, which has answered before, no longer does.
  case outOfReach
}

/// What a rank does by itself while the others may wait for it. It takes as long as it takes: it is no lateness.
public enum LocalWork: UInt8, Sendable, CustomStringConvertible {
  /// Opening and reading its files.
  case starting = 1
  /// Waiting for the batch of its next step.
  case loading
  /// Training or judging a part that is its own.
  case computing
  /// Writing a checkpoint.
  case saving
  /// Writing or decoding other files.
  case converting
  /// Whatever else.
  case other

  /// In words that follow "is".
  public var description: String {
    switch self {
    case .starting: "reading its files"
    case .loading: "loading data"
    case .computing: "computing by itself"
    case .saving: "saving a checkpoint"
    case .converting: "reading and writing files"
    case .other: "at work by itself"
    }
  }
}

/// Finds out for whom a rank waits, from what the ranks of its host show. A pure function, so that tests can try each case.
struct Diagnosis: Equatable, Sendable {
  /// One sentence, for example `rank 2 is late: at step 41 in allreduce #117`.
  let text: String
  /// Whether it names a rank; otherwise another host's ranks may know better.
  let namesRank: Bool
  /// Whether all who are late are so because of work of their own.
  var isAtWork = false
  /// Whether those it names give no sign of life; and whether they never will again.
  var isSilent = false, isGone = false

  /// - Parameters:
  ///   - own: the waiting rank
  ///   - local: the ranks of its host, itself included or not
  ///   - members: the ranks it waits for, as ranks of the job
  ///   - silenceLimitSeconds: a rank that gave no sign of life for longer than this is stopped
  ///   - hosts: in a job of several hosts, the name of each rank's
  init(
    own: RankProgress, local: [RankProgress], members: [Int], silenceLimitSeconds: Double, hosts: [String] = []
  ) {
    let awaited = own.peer.map { [$0] } ?? members
    let others = local.filter { $0.rank != own.rank && awaited.contains($0.rank) }.sorted { $0.rank < $1.rank }

    // A rank that one waits for may itself wait for another, which is then the one to name.
    let areWaiting = own.peer != nil && others.contains { $0.isInside && $0.peer != own.rank }
    let awaitedAtLast = areWaiting ? local.filter { $0.rank != own.rank }.sorted { $0.rank < $1.rank } : others
    let silent = awaitedAtLast.filter { $0.silentSeconds > silenceLimitSeconds }
    if !silent.isEmpty {
      // Who waits for one that has ended may seem stopped by it.
      let gone = silent.filter { $0.absence == .ended }
      self.init(gone.isEmpty ? silent : gone) {
        switch $0.absence {
        case nil: "\($0.name) is stopped: \($0.place)"
        case .stopped: "\($0.name) is stopped: last seen \($0.place)"
        case .ended: "\($0.name) has ended: last seen \($0.place)"
        case .outOfReach: "\($0.name) can't be reached: last seen \($0.place)"
        }
      }
      (isSilent, isGone) = (true, !gone.isEmpty)
      return
    }
    let elsewhere = others.filter { !$0.hasReached(own) }
    let inAnother = elsewhere.filter(\.isInside)
    // Who is in another collective waits, too: most likely for those who are in none. Else the calls don't match.
    let idle = elsewhere.isEmpty ? others.filter { !$0.isInside } : elsewhere.filter { !$0.isInside }
    let late = idle.filter { $0.work == nil }
    if late.isEmpty && !idle.isEmpty {
      self.init(idle, isAtWork: true) {
        "\($0.name) is \($0.work ?? .other): \($0.place)"
      }
    } else if !late.isEmpty {
      self.init(late) { "\($0.name) is late: \($0.place)" }
    } else if !inAnother.isEmpty {
      self.init(inAnother) { other in
        let isBehind = other.communicator == own.communicator && other.sequence < own.sequence
        return "\(other.name) is \(isBehind ? "late" : "in another collective"): \(other.place)"
      }
    } else if case let unseen = awaited.filter({ rank in !local.contains { $0.rank == rank } }), !unseen.isEmpty {
      let names = Set(unseen.filter(hosts.indices.contains).map { hosts[$0] }).sorted()
      let place = (1...3).contains(names.count) ? names.joined(separator: " or ") : "another host"
      self.init(text: "a rank on \(place) is late", namesRank: false)
    } else {
      self.init(text: "all ranks have reached it, but MPI makes no progress", namesRank: false)
    }
  }

  private init(text: String, namesRank: Bool, isAtWork: Bool = false) {
    (self.text, self.namesRank, self.isAtWork) = (text, namesRank, isAtWork)
  }

  private init(_ ranks: [RankProgress], isAtWork: Bool = false, _ describe: (RankProgress) -> String) {
    let shown = ranks.prefix(3).map(describe).joined(separator: "; ")
    let rest = ranks.count - 3
    self.init(text: shown + (rest > 0 ? "; and \(rest) more" : ""), namesRank: true, isAtWork: isAtWork)
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
