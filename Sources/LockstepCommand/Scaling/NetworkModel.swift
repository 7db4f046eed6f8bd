import Foundation

/// What carries messages from one rank to another.
struct Link: Equatable, Sendable {
  /// Seconds that a message takes however short it is.
  var latency: Double
  var secondsPerByte: Double

  /// Shared memory, where nobody has measured it.
  static let memory = Link(latency: 1e-6, secondsPerByte: 1 / 8e9)
}

/// How ranks add up what each of them has.
enum SumModel: String, CaseIterable, Sendable {
  /// Each gives pieces on to the next one: n − 1 steps until every sum is somewhere, as many until all have all.
  case ring
  /// In pairs, of doubled distance each time: the whole of a small sum, halves and quarters of a large one.
  case tree
  /// The ranks of a host among themselves, round a ring, then each with its part those of other hosts.
  case hierarchical
}

/// By which of them a sum is taken.
enum SumChoice: String, CaseIterable, Sendable {
  /// As this library does it between hosts: in a tree where there is a power of two of ranks, else round a ring.
  case lockstep
  case ring, tree, hierarchical
  /// Whichever is the fastest for the sum.
  case fastest

  func models(ranks: Int) -> [SumModel] {
    switch self {
    case .lockstep: [ranks.nonzeroBitCount == 1 ? .tree : .ring]
    case .fastest: SumModel.allCases
    case .ring: [.ring]
    case .tree: [.tree]
    case .hierarchical: [.hierarchical]
    }
  }
}

/// How long sums take between ranks: by formula, held against what was measured where something was.
struct NetworkModel: Sendable {
  /// Between hosts.
  var between: Link
  /// Within a host.
  var inside = Link.memory
  var ranksPerHost = 1
  var algorithm = SumChoice.lockstep
  /// Seconds of the smallest message in which all ranks meet, for each doubling of their number.
  var meetingRound: Double
  var measured: MeasuredSums?

  /// A network of which no more is known.
  init(_ between: Link) { (self.between, meetingRound) = (between, between.latency) }

  /// A sum of so many bytes over `ranks` ranks. Where sums were measured, formulas only say how other ranks differ from those.
  func seconds(toSum bytes: Double, ranks: Int) -> Double {
    let formula = formula(bytes, ranks)
    guard let measured, ranks > 1 else { return formula }
    let there = NetworkModel(measured.link).formula(bytes, measured.ranks)
    return there > 0 ? measured.seconds(bytes) * formula / there : formula
  }

  /// A message in which all ranks tell each other a few numbers.
  func secondsToMeet(ranks: Int) -> Double { Double(Self.rounds(ranks)) * meetingRound }

  private func formula(_ bytes: Double, _ ranks: Int) -> Double {
    ranks <= 1 ? 0 : algorithm.models(ranks: ranks).map { seconds($0, bytes, ranks) }.min() ?? 0
  }

  /// By one algorithm's formula alone.
  func seconds(_ model: SumModel, _ bytes: Double, _ ranks: Int) -> Double {
    let (local, hosts) = (min(ranks, ranksPerHost), (ranks + ranksPerHost - 1) / ranksPerHost)
    switch model {
    // Of the ranks of a host one sends to another host, one hears from one.
    case .ring: return Self.ring(bytes, ranks, hosts > 1 ? between : inside)
    case .tree: return tree(bytes, local, hosts)
    case .hierarchical:
      return Self.ring(bytes, local, inside)
        + min(Self.ring(bytes, hosts, between), NetworkModel(between).tree(bytes, 1, hosts))
    }
  }

  private static func ring(_ bytes: Double, _ ranks: Int, _ link: Link) -> Double {
    2 * Double(ranks - 1) * link.latency + bytesCarried(bytes, ranks) * link.secondsPerByte
  }

  /// Neighbours first, so that what is left to add between hosts is each rank's part alone.
  private func tree(_ bytes: Double, _ local: Int, _ hosts: Int) -> Double {
    let (near, far) = (Double(Self.rounds(local)), Double(Self.rounds(Self.powerOfTwo(upTo: hosts))))
    let latency = near * inside.latency + far * between.latency
    // All ranks of a host talk to other hosts at once, over its one link.
    let whole = bytes * (near * inside.secondsPerByte + far * Double(local) * between.secondsPerByte)
    let halves =
      Self.bytesCarried(bytes, local) * inside.secondsPerByte
      + Self.bytesCarried(bytes, Self.powerOfTwo(upTo: hosts)) * between.secondsPerByte
    // Those beyond a power of two give theirs to others first, and get the sum from them.
    let others = hosts.nonzeroBitCount == 1 ? 0 : 2 * (between.latency + bytes * between.secondsPerByte)
    return others + min(latency + whole, 2 * latency + halves)
  }

  /// What each rank must send at least, and receive.
  static func bytesCarried(_ bytes: Double, _ ranks: Int) -> Double { 2 * Double(ranks - 1) / Double(ranks) * bytes }

  /// How often a number doubles from 1 until there are so many.
  static func rounds(_ ranks: Int) -> Int { ranks <= 1 ? 0 : Int.bitWidth - (ranks - 1).leadingZeroBitCount }

  private static func powerOfTwo(upTo limit: Int) -> Int { 1 << (Int.bitWidth - 1 - limit.leadingZeroBitCount) }
}

/// How long sums of several sizes took between the ranks that were there.
struct MeasuredSums: Sendable {
  let ranks: Int
  /// By growing size.
  let times: [(bytes: Double, seconds: Double)]
  /// The link between hosts of one rank on which sums as this library takes them would take these times.
  let link: Link
  /// A training's own sums, in its rhythm, against these of sums without a break.
  var rhythm = 1.0

  init(ranks: Int, times: [(bytes: Double, seconds: Double)]) {
    (self.ranks, self.times) = (ranks, times)
    let (start, slope) = Self.line(through: times)
    let steps = 2 * Double(ranks.nonzeroBitCount == 1 ? NetworkModel.rounds(ranks) : ranks - 1)
    link = Link(
      latency: start / max(steps, 1), secondsPerByte: slope / max(NetworkModel.bytesCarried(1, ranks), 1e-12))
  }

  /// Straight between the sizes that were measured; beyond the largest, as its bytes take.
  func seconds(_ bytes: Double) -> Double {
    guard let first = times.first, let last = times.last else { return 0 }
    if bytes <= first.bytes { return rhythm * first.seconds }
    guard let above = times.firstIndex(where: { $0.bytes >= bytes }) else {
      let slope = link.secondsPerByte * NetworkModel.bytesCarried(1, ranks)
      return rhythm * (last.seconds + (bytes - last.bytes) * slope)
    }
    let (low, high) = (times[above - 1], times[above])
    let share = (bytes - low.bytes) / (high.bytes - low.bytes)
    return rhythm * (low.seconds + share * (high.seconds - low.seconds))
  }

  /// Seconds of a sum without bytes, and of each byte: the line that is off by the least share of each time.
  private static func line(through times: [(bytes: Double, seconds: Double)]) -> (start: Double, slope: Double) {
    var (weight, x, y, xx, xy) = (0.0, 0.0, 0.0, 0.0, 0.0)
    for (bytes, seconds) in times where seconds > 0 {
      let one = 1 / (seconds * seconds)
      weight += one
      x += one * bytes
      y += one * seconds
      xx += one * bytes * bytes
      xy += one * bytes * seconds
    }
    let spread = weight * xx - x * x
    guard spread > 0 else { return (0, times.last.map { $0.seconds / max($0.bytes, 1) } ?? 0) }
    let slope = max(0, (weight * xy - x * y) / spread)
    return (max(0, (y - slope * x) / weight), slope)
  }
}
