import Glibc

/// The threads that oneDNN's kernels may use in this process.
public enum KernelThreads {
  /// Overrules `OMP_NUM_THREADS`.
  public static func limit(to count: Int32) {
    // oneDNN brings its OpenMP library with it; looking the function up spares a link of our own to one of several.
    guard let symbol = dlsym(nil, "omp_set_num_threads") else { return }
    unsafeBitCast(symbol, to: (@convention(c) (Int32) -> Void).self)(count)
  }
}
