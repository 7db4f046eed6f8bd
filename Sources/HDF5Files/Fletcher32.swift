/// The checksum of HDF5's filter of that name: sums, and sums of sums, of 16-bit words modulo 65535, where only nothing but
/// zeros gives 0.
enum Fletcher32 {
  /// Bytes that a checksum takes behind what it is of.
  static let byteCount = 4

  /// Eight words side by side: lanes' sums stay below 2³² for so many rows of them.
  private static let rowsAtOnce = 256
  private static let lanes = 8

  static func value(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var sums = Sums()
    let rowBytes = 2 * lanes
    var place = 0
    while bytes.count - place >= rowBytes {
      let rows = min((bytes.count - place) / rowBytes, rowsAtOnce)
      sums.add(bytes, at: place, rows: rows)
      place += rows * rowBytes
    }
    while place < bytes.count {
      let high = UInt64(bytes[place])
      // HDF5 takes a last byte without a second one as the high half of a word; words are turned round at the end.
      let low = place + 1 < bytes.count ? UInt64(bytes[place + 1]) : 0
      sums.add(low << 8 | high)
      place += 2
    }
    return sums.value
  }

  private struct Sums {
    /// Below 2³², and 0 for nothing but zeros.
    private var first: UInt64 = 0, second: UInt64 = 0

    mutating func add(_ word: UInt64) {
      first = folded(first + word)
      second = folded(second + first)
    }

    /// Rows of eight words each. In a lane `sum` is of its words, `sums` of that sum after each row; the words of a row come one
    /// after another, so that one in a later lane is in fewer of the sums of sums.
    mutating func add(_ bytes: UnsafeRawBufferPointer, at place: Int, rows: Int) {
      var (sum, sums) = (SIMD8<UInt32>.zero, SIMD8<UInt32>.zero)
      for row in 0..<rows {
        let words = bytes.loadUnaligned(fromByteOffset: place + row * 16, as: SIMD8<UInt16>.self)
        sum &+= SIMD8<UInt32>(truncatingIfNeeded: words)
        sums &+= sum
      }
      second = folded(second + first * UInt64(rows * lanes))
      for lane in 0..<lanes {
        let (words, ofSums) = (UInt64(sum[lane]), UInt64(sums[lane]))
        second = folded(second + ofSums * UInt64(lanes) - words * UInt64(lane))
        first += words
      }
      first = folded(first)
    }

    /// The same modulo 65535, and not 0 unless it was.
    private func folded(_ sum: UInt64) -> UInt64 {
      var sum = sum
      while sum > 0xFFFF { sum = (sum & 0xFFFF) + (sum >> 16) }
      return sum
    }

    /// Words are big-endian in the definition. Turning one round is a product with 256 modulo 65535, so it can wait until here.
    var value: UInt32 { UInt32(UInt16(first).byteSwapped) | UInt32(UInt16(second).byteSwapped) << 16 }
  }
}
