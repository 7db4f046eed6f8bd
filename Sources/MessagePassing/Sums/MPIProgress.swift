import CMPI
import Foundation

/// Keeps sums going that were started, while their ranks compute: MPI itself moves nothing outside of its calls. A thread looks
/// after them every tenth of a millisecond, and whoever waits does so all the time.
///
/// MPI is called by one thread at a time, whoever holds `lock`.
final class MPIProgress: @unchecked Sendable {
  static let shared = MPIProgress()

  private static let napMicroseconds: UInt32 = 100
  /// Later sums begin when the first of so many is through, so that their messages can't be mistaken for one another's.
  private static let mostActive = ScheduledSum.tagCount / 2

  private let lock = NSRecursiveLock()
  // Guarded by the lock: in the order in which they were started, the first ones active.
  private var sums: [ScheduledSum] = []
  private var hasThread = false
  /// Signalled when there is something to look after.
  private let work = DispatchSemaphore(value: 0)

  /// Runs a call of MPI.
  func locked<Value>(_ body: () throws -> Value) rethrows -> Value {
    lock.lock()
    defer { lock.unlock() }
    return try body()
  }

  func start(_ sum: ScheduledSum) {
    locked {
      sums.append(sum)
      drive()
      if !hasThread { startLookingAfter() }
      if !sums.isEmpty { work.signal() }
    }
  }

  func wait(for sum: ScheduledSum) {
    while !drive(sum) { sched_yield() }
  }

  /// Moves all that can be moved; whether a sum is complete.
  func drive(_ sum: ScheduledSum) -> Bool {
    locked {
      if !sum.isDone { drive() }
      return sum.isDone
    }
  }

  /// Whether there are sums on their way.
  var hasSums: Bool { locked { !sums.isEmpty } }

  /// Moves all that can be moved.
  func driveAll() { locked { drive() } }

  private func drive() {
    while true {
      var left = ScheduledSum.mostActive
      for sum in sums.prefix(Self.mostActive) {
        sum.advance(limit: left)
        left = max(0, left - sum.activeCount)
      }
      // In order: a later one that is through first still holds its place.
      let isFirstThrough = sums.first?.isDone == true
      while sums.first?.isDone == true { sums.removeFirst() }
      if !isFirstThrough { return }
    }
  }

  /// Where the system gives no thread, sums go on when somebody waits.
  private func startLookingAfter() {
    hasThread = startThread { [self] in
      while true {
        work.wait()
        while lookAfter() { usleep(Self.napMicroseconds) }
      }
    }
  }

  /// Whether there is more to look after.
  private func lookAfter() -> Bool {
    // Who has the lock moves things itself.
    guard lock.try() else { return true }
    defer { lock.unlock() }
    drive()
    return !sums.isEmpty
  }
}
