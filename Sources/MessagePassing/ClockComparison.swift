import Foundation

/// How far the clocks of all ranks are ahead of rank 0's, at one moment.
///
/// Ranks of one host have one clock. Of each other host one rank is asked what its clock says, several times: the answer that
/// came back soonest was on its way for the least time, half of which is taken to have passed before it (as NTP does).
public struct ClockComparison: Sendable, Equatable {
  /// When it was, in nanoseconds of rank 0's clock.
  public let time: Int
  /// Nanoseconds by rank.
  public let ahead: [Int]

  private static let rounds = 20

  /// Collective.
  ///
  /// - Parameters:
  ///   - communicator: the ranks.
  ///   - name: the same on ranks that have the same clock.
  ///   - clock: nanoseconds that never go back.
  /// - Returns: what rank 0 found out; nil on the other ranks.
  public static func measure(
    over communicator: Communicator, name: String = clockName, clock: @Sendable () -> Int
  ) throws -> ClockComparison? {
    let names = try communicator.allGather(Array(name.utf8))
    var ahead: [[UInt8]: Int] = [names[0]: 0]
    for (rank, name) in names.enumerated() where ahead[name] == nil {
      ahead[name] = 0
      if communicator.isRoot { ahead[name] = try ask(rank, over: communicator, clock) }
      if communicator.rank == rank { try answer(over: communicator, clock) }
    }
    return communicator.isRoot ? ClockComparison(time: clock(), ahead: names.map { ahead[$0] ?? 0 }) : nil
  }

  private static func ask(_ rank: Int, over communicator: Communicator, _ clock: () -> Int) throws -> Int {
    var best = (delay: Int.max, ahead: 0)
    for _ in 0..<rounds {
      let asked = clock()
      try communicator.send([Int64(0)], to: rank)
      let there = Int(try communicator.receive(Int64.self, from: rank).first ?? 0)
      let answered = clock()
      if answered - asked < best.delay { best = (answered - asked, there - (asked + (answered - asked) / 2)) }
    }
    return best.ahead
  }

  private static func answer(over communicator: Communicator, _ clock: () -> Int) throws {
    for _ in 0..<rounds {
      _ = try communicator.receive(Int64.self, from: 0)
      try communicator.send([Int64(clock())], to: 0)
    }
  }

  /// What the monotonic clock of this process is one of: a host since it was started, and the name space of its clocks.
  public static var clockName: String {
    let start = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
    let space = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/time")
    return (start ?? ProcessInfo.processInfo.hostName) + (space ?? "")
  }
}

/// Tells times of any rank's clock by rank 0's, from a comparison at the beginning and one at the end: between them clocks are
/// taken to drift apart evenly.
public struct ClockAlignment: Sendable {
  private let first, last: ClockComparison

  /// Comparisons of the same ranks, the earlier one first.
  public init(_ first: ClockComparison, _ last: ClockComparison) { (self.first, self.last) = (first, last) }

  /// What rank 0's clock said when the rank's said `time`.
  public func time(_ time: Int, ofRank rank: Int) -> Int {
    let (before, after) = (first.ahead[rank], last.ahead[rank])
    let (start, end) = (first.time + before, last.time + after)
    guard end > start, before != after else { return time - before }
    let share = Double(time - start) / Double(end - start)
    return time - before - Int((share * Double(after - before)).rounded())
  }
}
