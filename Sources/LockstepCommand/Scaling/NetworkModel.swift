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
  /// In pairs, of doubled distance each time: the whole of a small message, halves and quarters of a large one.
  case tree
  /// The ranks of a host among themselves, then hosts, each rank with its part.
  case hierarchical
}

/// How long sums take between ranks: by formula, held against what was measured where something was.
struct NetworkModel: Sendable {
  /// Between hosts.
  var between: Link
  /// Within a host.
  var inside = Link.memory
  var ranksPerHost = 1
  /// nil: whichever is fastest for each sum.
  var algorithm: SumModel? = .ring
  /// Seconds of the smallest message in which all ranks meet, for each doubling of their number.
  var meetingRound: Double
  var measured: MeasuredSums?

  /// A network of which no more is known.
  init(_ between: Link) { (self.between, meetingRound) = (between, between.latency) }

  /// A sum of so many bytes over `ranks` ranks. Where sums were measured, the formula only says how other ranks differ from those.
  func seconds(toSum bytes: Double, ranks: Int) -> Double {
    let formula = formula(bytes, ranks)
    guard let measured, ranks > 1 else { return formula }
    let there = Self.ring(bytes, measured.ranks, measured.link)
    return there > 0 ? measured.seconds(bytes) * formula / there : formula
  }

  /// A message in which all ranks tell each other a few numbers.
  func secondsToMeet(ranks: Int) -> Double { Double(Self.rounds(ranks)) * meetingRound }

  private func formula(_ bytes: Double, _ ranks: Int) -> Double {
    if ranks <= 1 { return 0 }
    let candidates = algorithm.map { [$0] } ?? SumModel.allCases
    return candidates.map { seconds($0, bytes, ranks) }.min() ?? 0
  }

  /// By one algorithm's formula alone.
  func seconds(_ algorithm: SumModel, _ bytes: Double, _ ranks: Int) -> Double {
    let isOneHost = ranks <= ranksPerHost
    let link = isOneHost ? inside : between
    switch algorithm {
    // Of the ranks of a host one sends to another host, one hears from one.
    case .ring: return Self.ring(bytes, ranks, link)
    case .tree:
      // All ranks of a host talk to other hosts at once, over its one link.
      let share = isOneHost ? 1 : Double(ranksPerHost)
      return Self.tree(bytes, ranks, Link(latency: link.latency, secondsPerByte: link.secondsPerByte * share))
    case .hierarchical:
      let hosts = (ranks + ranksPerHost - 1) / ranksPerHost
      return Self.ring(bytes, min(ranks, ranksPerHost), inside)
        + min(Self.ring(bytes, hosts, between), Self.tree(bytes, hosts, between))
    }
  }

  private static func ring(_ bytes: Double, _ ranks: Int, _ link: Link) -> Double {
    let others = Double(ranks - 1)
    return 2 * others * link.latency + bytesCarried(bytes, ranks) * link.secondsPerByte
  }

  private static func tree(_ bytes: Double, _ ranks: Int, _ link: Link) -> Double {
    if ranks <= 1 { return 0 }
    // Ranks beyond a power of two give theirs to others first, and get the sum from them.
    let whole = (ranks.nonzeroBitCount == 1 ? 0 : 2) * (link.latency + bytes * link.secondsPerByte)
    let power = 1 << (Int.bitWidth - 1 - ranks.leadingZeroBitCount)
    let rounds = Double(Self.rounds(power))
    let doubling = rounds * (link.latency + bytes * link.secondsPerByte)
    let halving = 2 * rounds * link.latency + bytesCarried(bytes, power) * link.secondsPerByte
    return whole + min(doubling, halving)
  }

  /// What each rank must send at least, and receive.
  static func bytesCarried(_ bytes: Double, _ ranks: Int) -> Double { 2 * Double(ranks - 1) / Double(ranks) * bytes }

  /// How often a number doubles from 1 until there are so many.
  static func rounds(_ ranks: Int) -> Int { ranks <= 1 ? 0 : Int.bitWidth - (ranks - 1).leadingZeroBitCount }
}

/// How long sums of several sizes took between the ranks that were there.
struct MeasuredSums: Equatable, Sendable {
  let ranks: Int
  /// By growing size.
  let times: [(bytes: Double, seconds: Double)]
  /// A training's own sums, in its rhythm, against these of sums without a break.
  var rhythm = 1.0

  static func == (one: MeasuredSums, other: MeasuredSums) -> Bool {
    one.ranks == other.ranks && one.rhythm == other.rhythm && one.times.elementsEqual(other.times, by: ==)
  }

  /// Straight between the sizes that were measured; beyond the largest, as its bytes take.
  func seconds(_ bytes: Double) -> Double {
    guard let first = times.first, let last = times.last else { return 0 }
    if bytes <= first.bytes { return rhythm * first.seconds }
    guard let above = times.firstIndex(where: { $0.bytes >= bytes }) else {
      let slope = fit.secondsPerByte
      return rhythm * (last.seconds + (bytes - last.bytes) * slope)
    }
    let (low, high) = (times[above - 1], times[above])
    let share = (bytes - low.bytes) / (high.bytes - low.bytes)
    return rhythm * (low.seconds + share * (high.seconds - low.seconds))
  }

  /// Seconds of a sum without bytes, and of each byte: the line that is off by the least share of each time.
  var fit: (start: Double, secondsPerByte: Double) {
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

  /// The link between neighbours of a ring on which sums take these times.
  var link: Link {
    let (steps, fit) = (Double(2 * max(ranks - 1, 1)), fit)
    return Link(latency: fit.start / steps, secondsPerByte: fit.secondsPerByte * Double(ranks) / steps)
  }
}
