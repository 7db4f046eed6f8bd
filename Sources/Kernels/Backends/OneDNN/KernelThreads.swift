import Glibc

/// The threads that oneDNN's kernels may use when this thread calls them. OpenMP keeps the number per calling thread.
enum KernelThreads {
  /// Runs `body` with `count` threads, overruling `OMP_NUM_THREADS`, and then puts back what was there.
  static func limited<Result>(to count: Int, _ body: () throws -> Result) rethrows -> Result {
    let before = openMP?.get() ?? 0
    if before == count { return try body() }
    openMP?.set(Int32(clamping: count))
    defer { openMP?.set(before) }
    return try body()
  }

  /// oneDNN brings its OpenMP library with it; looking the functions up spares a link of our own to one of several.
  private static let openMP: (get: @convention(c) () -> Int32, set: @convention(c) (Int32) -> Void)? = {
    guard let get = dlsym(nil, "omp_get_max_threads"), let set = dlsym(nil, "omp_set_num_threads") else { return nil }
    return (
      unsafeBitCast(get, to: (@convention(c) () -> Int32).self),
      unsafeBitCast(set, to: (@convention(c) (Int32) -> Void).self)
    )
  }()
}
