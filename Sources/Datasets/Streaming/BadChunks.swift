import Failures
import Synchronization

/// Samples that can't be read, or are not what they should be.
public struct ChunkError: Failure {
  /// The samples at fault.
  public let samples: Range<Int>
  /// What is wrong with them.
  public let what: String
  public var kind: FailureKind { .badData }

  init(samples: Range<Int>, _ what: String) { (self.samples, self.what) = (samples, what) }

  public var description: String { "samples \(samples.lowerBound)…\(samples.upperBound - 1) \(what)" }
}

/// Chunks that could not be read, where trainings go on without them.
final class BadChunks: Sendable {
  let areSkipped: Bool
  private let known = Mutex<Set<Int>>([])
  private let untold = Mutex<[(chunk: Int, reason: String)]>([])

  init(areSkipped: Bool) { self.areSkipped = areSkipped }

  func contains(_ chunk: Int) -> Bool { areSkipped && known.withLock { $0.contains(chunk) } }

  func add(_ chunk: Int, _ error: any Error) {
    guard known.withLock({ $0.insert(chunk).inserted }) else { return }
    untold.withLock { $0.append((chunk, "\(error)")) }
  }

  /// Those that were found since the last call.
  func take() -> [(chunk: Int, reason: String)] {
    untold.withLock { untold in
      defer { untold = [] }
      return untold
    }
  }
}

extension ChunkStore {
  /// Where a sample is. In place of one of a bad chunk stands one of the next good chunk among `visits`, those of its window:
  /// the same one on any number of ranks.
  ///
  /// - Parameters:
  ///   - visits: which chunks may stand in.
  ///   - visited: the chunk of a visit.
  ///   - load: gives the memory of a chunk, or fails.
  func place(
    of sample: Int, among visits: Range<Int>, visited: (Int) -> Int, load: (Int) throws -> UnsafeRawPointer
  ) throws -> SamplePlace {
    let (chunk, row) = (sample / layout.rows, sample % layout.rows)
    var first: (any Error)?
    if !bad.contains(chunk) {
      do { return SamplePlace(chunk: try load(chunk), row: row) } catch {
        guard bad.areSkipped else { throw error }
        bad.add(chunk, error)
        first = error
      }
    }
    let own = visits.firstIndex { visited($0) == chunk } ?? visits.lowerBound
    for visit in Array(visits.dropFirst(own - visits.lowerBound + 1)) + Array(visits.prefix(own - visits.lowerBound)) {
      let other = visited(visit)
      if bad.contains(other) { continue }
      do {
        return SamplePlace(chunk: try load(other), row: row % layout.samples(of: other).count)
      } catch { bad.add(other, error) }
    }
    throw first ?? ChunkError(samples: layout.samples(of: chunk), "can't be read, nor others in their place")
  }
}
