import Glibc

/// The threads that kernels may use when this thread calls them: OpenMP's, which oneDNN brings with it and native kernels
/// share, so that one process has one pool. OpenMP keeps their number per calling thread.
enum KernelThreads {
  /// Runs `body` with `count` threads, overruling `OMP_NUM_THREADS`, and then puts back what was there.
  static func limited<Result>(to count: Int, _ body: () throws -> Result) rethrows -> Result {
    let before = openMP?.most() ?? 0
    if before == count { return try body() }
    openMP?.setMost(Int32(clamping: count))
    defer { openMP?.setMost(before) }
    return try body()
  }

  /// How many there are.
  static var most: Int { Int(openMP?.most() ?? 1) }

  /// Into how many parts work is best cut, counted in multiplications, the product of some numbers: one where waking threads would
  /// cost more.
  static func parts(ofWork factors: Int...) -> Int {
    // A product of extents need not fit an integer.
    let share = factors.reduce(1) { $0 * Double($1) } / 100_000
    return share < 2 ? 1 : max(1, min(most, Int(min(share, 1024))))
  }

  /// Calls `body` on threads with each of `parts` ranges of `0..<count` that begin at multiples of `unit`. Which elements are
  /// in a range must make no difference to what becomes of them.
  static func share(
    _ count: Int, inParts parts: Int, multiplesOf unit: Int, _ body: (Range<Int>) -> Void
  ) {
    let units = (count + unit - 1) / unit
    let parts = min(parts, units)
    if parts < 2 { return body(0..<count) }
    run(parts) { part in
      let (first, next) = (part * units / parts * unit, (part + 1) * units / parts * unit)
      body(first..<min(next, count))
    }
  }

  /// Calls `body` with each number below `parts`, on as many threads.
  static func run(_ parts: Int, _ body: (Int) -> Void) {
    guard parts > 1, let openMP else { return (0..<parts).forEach(body) }
    withoutActuallyEscaping(body) { body in
      var work = Work(parts: parts, body: body)
      withUnsafeMutablePointer(to: &work) { work in
        openMP.parallel(
          { memory in
            guard let work = memory?.assumingMemoryBound(to: Work.self), let openMP = KernelThreads.openMP else {
              return
            }
            // There may be fewer threads than were asked for.
            let (first, step) = (Int(openMP.number()), max(Int(openMP.count()), 1))
            for part in stride(from: first, to: work.pointee.parts, by: step) { work.pointee.body(part) }
          }, work, UInt32(clamping: parts), 0)
      }
    }
  }

  private struct Work {
    let parts: Int
    let body: (Int) -> Void
  }

  /// Looked up: that spares a link of our own to one of several OpenMP libraries.
  private static let openMP = OpenMP()

  private struct OpenMP: Sendable {
    typealias Body = @convention(c) (UnsafeMutableRawPointer?) -> Void
    /// The most threads of the next team; the number of a thread in its team, and how many there are.
    let most, number, count: @convention(c) () -> Int32
    let setMost: @convention(c) (Int32) -> Void
    /// Runs a function on each thread of a team: what compilers make of `#pragma omp parallel`.
    let parallel: @convention(c) (Body, UnsafeMutableRawPointer?, UInt32, UInt32) -> Void

    init?() {
      guard let most = dlsym(nil, "omp_get_max_threads"), let setMost = dlsym(nil, "omp_set_num_threads"),
        let number = dlsym(nil, "omp_get_thread_num"), let count = dlsym(nil, "omp_get_num_threads"),
        let parallel = dlsym(nil, "GOMP_parallel")
      else { return nil }
      self.most = unsafeBitCast(most, to: (@convention(c) () -> Int32).self)
      self.number = unsafeBitCast(number, to: (@convention(c) () -> Int32).self)
      self.count = unsafeBitCast(count, to: (@convention(c) () -> Int32).self)
      self.setMost = unsafeBitCast(setMost, to: (@convention(c) (Int32) -> Void).self)
      self.parallel = unsafeBitCast(
        parallel, to: (@convention(c) (Body, UnsafeMutableRawPointer?, UInt32, UInt32) -> Void).self)
    }
  }
}

/// Elements of which each is computed by itself, shared out among the threads that kernels may use.
public enum ElementShares {
  /// Calls `body` with ranges that make up `0..<count` and begin at multiples of 16; with all of it where there is little to do.
  public static func run(_ count: Int, _ body: (Range<Int>) -> Void) {
    KernelThreads.share(count, inParts: KernelThreads.parts(ofWork: count), multiplesOf: 16, body)
  }
}
