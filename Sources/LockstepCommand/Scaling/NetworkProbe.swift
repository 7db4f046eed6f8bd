import Foundation
import Lockstep

/// Memory for sums that mean nothing.
final class ProbeMemory {
  let values: UnsafeMutableBufferPointer<Float>

  init(bytes: Int) {
    values = .allocate(capacity: max(1, bytes / 4))
    values.initialize(repeating: 0)
  }

  deinit { values.deallocate() }
}

/// Measures what carries a training's sums: the library's own, between the ranks that are there.
struct NetworkProbe {
  let communicator: Communicator
  /// For sums of one size.
  let seconds: Double

  /// Sums of several sizes up to a training's largest, one after the other.
  func sums(upTo largest: Int) throws -> MeasuredSums {
    let usual = [1 << 10, 1 << 14, 1 << 17, 1 << 20, 1 << 22].filter { $0 < largest / 2 || $0 <= 1 << 14 }
    let times = try (usual + [max(largest, 1 << 15)]).map { bytes in
      (bytes: Double(bytes), seconds: try seconds(bytes))
    }
    return MeasuredSums(ranks: communicator.size, times: times)
  }

  private func seconds(_ bytes: Int) throws -> Double {
    let memory = ProbeMemory(bytes: bytes)
    return try repeated { try communicator.startAllReduce(memory.values, .sum, owner: memory).wait() }
  }

  /// The smallest message, in which all ranks meet.
  func meeting() throws -> Double {
    let numbers = [Double](repeating: 0, count: 32)
    return try repeated { _ = try communicator.allReduce(numbers) }
  }

  private func repeated(_ body: () throws -> Void) throws -> Double {
    func timed() throws -> Double {
      let start = monotonicSeconds()
      try body()
      return monotonicSeconds() - start
    }
    _ = try timed()
    let count = try communicator.repetitions(within: seconds, of: timed(), 3...200)
    let times = try (0..<count).map { _ in try timed() }
    return try communicator.means([times.trimmedMean])[0]
  }

  /// Seconds that a processor is busy for each byte which a rank sends and receives: into the system and out of it, and added.
  static func processorSecondsPerByte() -> Double {
    let (length, rounds) = (1 << 16, 64)
    var ends: [Int32] = [0, 0]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0 else { return 0 }
    defer { for end in ends { close(end) } }
    var (sent, received) = ([UInt8](repeating: 0, count: length), [Float](repeating: 0, count: length / 4))
    var sum = received
    let start = monotonicSeconds()
    for _ in 0..<rounds {
      let written = write(ends[0], &sent, length)
      guard written > 0, read(ends[1], &received, written) > 0 else { return 0 }
      for index in sum.indices { sum[index] += received[index] }
    }
    return (monotonicSeconds() - start) / Double(length * rounds)
  }
}
