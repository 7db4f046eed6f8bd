/// Numbers words in the order of first use: a hash table whose keys stay bytes, as strings would cost ten times as much.
struct WordTable {
  static let emptyHash: UInt64 = 0xCBF2_9CE4_8422_2325

  /// Fowler, Noll and Vo's.
  @inline(__always)
  static func extend(_ hash: UInt64, _ byte: UInt8) -> UInt64 { (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }

  /// Ids by place, -1 where free; a power of two of them.
  private var slots = [Int32](repeating: -1, count: 1 << 16)
  private var hashes: [UInt64] = []
  private var words: [UnsafeBufferPointer<UInt8>] = []
  private var uses: [Int] = []

  var counts: [(token: String, count: Int)] {
    zip(words, uses).map { (String(decoding: $0, as: UTF8.self), $1) }
  }

  mutating func id(of word: UnsafeBufferPointer<UInt8>, _ hash: UInt64) -> Int32 {
    if words.count * 2 > slots.count { grow() }
    var slot = Self.slot(hash, slots.count)
    while slots[slot] >= 0 {
      let id = Int(slots[slot])
      if hashes[id] == hash, words[id].elementsEqual(word) {
        uses[id] += 1
        return Int32(id)
      }
      slot = (slot + 1) & (slots.count - 1)
    }
    slots[slot] = Int32(words.count)
    hashes.append(hash)
    words.append(word)
    uses.append(1)
    return Int32(words.count - 1)
  }

  private mutating func grow() {
    var larger = [Int32](repeating: -1, count: slots.count * 2)
    for (id, hash) in hashes.enumerated() {
      var slot = Self.slot(hash, larger.count)
      while larger[slot] >= 0 { slot = (slot + 1) & (larger.count - 1) }
      larger[slot] = Int32(id)
    }
    slots = larger
  }

  private static func slot(_ hash: UInt64, _ count: Int) -> Int {
    Int(truncatingIfNeeded: hash ^ hash >> 32) & (count - 1)
  }
}
