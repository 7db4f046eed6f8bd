/// The steps in which one rank of a group takes its part in adding up a vector: what it sends to whom, and what comes from whom.
///
/// The vector is cut into as many segments as `segments` says. Ranks are known by their places in an order that puts those of one
/// host side by side, so that as little as possible goes between hosts.
struct SumSchedule: Equatable {
  /// A message to one rank and one from another, both at once.
  struct Step: Equatable {
    /// To whom the segments `sent` go.
    var to: Int?
    var sent = 0..<0
    /// From whom the segments `received` come.
    var from: Int?
    var received = 0..<0
    /// Whether what comes is added to what is there, or takes its place.
    var isAdding = false
  }

  let segments: Int
  private(set) var steps: [Step] = []

  private init(segments: Int) { self.segments = segments }

  /// Segments of the longest message.
  var longest: Int { steps.map { max($0.sent.count, $0.received.count) }.max() ?? 0 }

  /// Round a ring: every link carries the least that a sum can take, 2 (n − 1) / n of the vector, in 2 (n − 1) steps. In the first half
  /// a rank adds what comes from the one before it, so that each has one segment's sum; in the second half the sums go round.
  static func ring(_ place: Int, of size: Int) -> SumSchedule {
    var schedule = SumSchedule(segments: size)
    func segment(_ step: Int) -> Range<Int> {
      let number = ((place - step) % size + size) % size
      return number..<number + 1
    }
    for step in 0..<2 * (size - 1) {
      schedule.steps.append(
        Step(
          to: (place + 1) % size, sent: segment(step), from: (place + size - 1) % size, received: segment(step + 1),
          isAdding: step < size - 1))
    }
    return schedule
  }

  /// Recursive halving and doubling (Rabenseifner), of a power of two of ranks: as few bytes as a ring in 2 log₂ n steps. Two
  /// neighbours exchange halves of the vector, then with the next pair quarters, and so on; then the sums go back the same way.
  /// Numbers are added in the tree of pairs, (0 + 1) + (2 + 3), as in `doubling`: the same bits.
  static func halving(_ place: Int, of size: Int) -> SumSchedule {
    var schedule = SumSchedule(segments: size)
    var own = 0..<size
    for distance in powersOfTwo(below: size) {
      let middle = own.lowerBound + own.count / 2
      let (lower, upper) = (own.lowerBound..<middle, middle..<own.upperBound)
      let isUpper = place & distance != 0
      own = isUpper ? upper : lower
      let peer = place ^ distance
      schedule.steps.append(
        Step(to: peer, sent: isUpper ? lower : upper, from: peer, received: own, isAdding: true))
    }
    for step in schedule.steps.reversed() {
      schedule.steps.append(Step(to: step.to, sent: step.received, from: step.from, received: step.sent))
    }
    return schedule
  }

  /// Recursive doubling: whole vectors to and fro in log₂ n steps, the least that there can be. Ranks past a power of two hand
  /// theirs to another one first, and get the sum from it.
  static func doubling(_ place: Int, of size: Int) -> SumSchedule {
    var schedule = SumSchedule(segments: 1)
    let even = powersOfTwo(through: size).last ?? 1
    let whole = 0..<1
    if place >= even {
      schedule.steps = [
        Step(to: place - even, sent: whole), Step(from: place - even, received: whole),
      ]
      return schedule
    }
    let guest = place + even < size ? place + even : nil
    if let guest { schedule.steps.append(Step(from: guest, received: whole, isAdding: true)) }
    for distance in powersOfTwo(below: even) {
      let peer = place ^ distance
      schedule.steps.append(Step(to: peer, sent: whole, from: peer, received: whole, isAdding: true))
    }
    if let guest { schedule.steps.append(Step(to: guest, sent: whole)) }
    return schedule
  }

  private static func powersOfTwo(through limit: Int) -> [Int] {
    Array(sequence(first: 1) { $0 <= limit / 2 ? $0 * 2 : nil })
  }

  private static func powersOfTwo(below limit: Int) -> [Int] { powersOfTwo(through: limit).filter { $0 < limit } }
}
