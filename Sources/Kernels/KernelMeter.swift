import Failures
import Synchronization

/// Adds up the time that kernels of one kind take by themselves, without reorders and calls around them: the roof of a
/// model's speed.
public final class KernelMeter: Sendable {
  /// Convolutions and their gradients, in all threads and trainings of the process.
  public static let convolutions = KernelMeter()

  private let running = Atomic(false)
  private let nanoseconds = Atomic<Int>(0)

  /// Starts from zero.
  public func start() {
    nanoseconds.store(0, ordering: .relaxed)
    running.store(true, ordering: .relaxed)
  }

  /// The seconds since `start`.
  public var seconds: Double { Double(nanoseconds.load(ordering: .relaxed)) / 1e9 }

  @inline(__always)
  func measure(_ body: () throws -> Void) rethrows {
    guard running.load(ordering: .relaxed) else { return try body() }
    let begin = monotonicNanoseconds()
    try body()
    nanoseconds.add(monotonicNanoseconds() - begin, ordering: .relaxed)
  }
}
