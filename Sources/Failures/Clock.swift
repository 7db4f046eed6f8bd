import Glibc

// The one clock, here because every target sees this one.

/// Nanoseconds of a clock that never jumps.
public func monotonicNanoseconds() -> Int {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// The same in seconds.
public func monotonicSeconds() -> Double { Double(monotonicNanoseconds()) * 1e-9 }
