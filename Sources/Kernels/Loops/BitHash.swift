/// A hash of numbers' bits and of their order, by which two lists of them are told apart.
public enum BitHash {
  /// Each step is one to one in the word and in what came before: no single change gets lost (FNV-1a, by words). In four
  /// chains, of which none waits for another.
  @inlinable @inline(__always)
  public static func of<T>(_ values: UnsafeBufferPointer<T>, _ bits: (T) -> UInt64) -> UInt64 {
    let (start, prime) = (0xCBF2_9CE4_8422_2325 as UInt64, 0x0000_0100_0000_01B3 as UInt64)
    guard let first = values.baseAddress else { return start }
    var (a, b, c, d) = (start, start, start, start)
    var i = 0
    while i + 4 <= values.count {
      a = (a ^ bits(first[i])) &* prime
      b = (b ^ bits(first[i + 1])) &* prime
      c = (c ^ bits(first[i + 2])) &* prime
      d = (d ^ bits(first[i + 3])) &* prime
      i += 4
    }
    while i < values.count {
      a = (a ^ bits(first[i])) &* prime
      i += 1
    }
    return [b, c, d].reduce(a) { ($0 ^ $1) &* prime }
  }
}
