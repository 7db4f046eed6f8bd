import Dispatch
import Synchronization

/// Work that is spread over threads.
enum Parallel {
  /// Calls `body` with each number below `count`, in rising order, on several threads.
  /// - Throws: the error of the least number that has one; none is begun any more then.
  static func forEach(_ count: Int, threads: Int, _ body: @Sendable (Int) throws -> Void) throws {
    let next = Atomic<Int>(0)
    let first = Mutex<(index: Int, error: any Error)?>(nil)
    DispatchQueue.concurrentPerform(iterations: max(1, min(threads, count))) { _ in
      while true {
        let index = next.add(1, ordering: .relaxed).oldValue
        guard index < count else { return }
        do { try body(index) } catch {
          next.store(count, ordering: .relaxed)
          first.withLock { if $0.map({ index < $0.index }) ?? true { $0 = (index, error) } }
        }
      }
    }
    if let first = first.withLock({ $0 }) { throw first.error }
  }
}
