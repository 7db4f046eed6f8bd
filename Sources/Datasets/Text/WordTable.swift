import Glibc

/// Numbers words in the order of first use: a hash table whose keys stay bytes, as strings would cost ten times as much.
final class WordTable {
  static let emptyHash: UInt64 = 0xCBF2_9CE4_8422_2325

  /// Fowler, Noll and Vo's.
  @inline(__always)
  static func extend(_ hash: UInt64, _ byte: UInt8) -> UInt64 { (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }

  /// What is looked at together lies together: with many words each look is a cache miss.
  private struct Entry {
    let hash: UInt64
    let word: UnsafeBufferPointer<UInt8>
    var uses = 1

    @inline(__always)
    func isSame(_ other: UnsafeBufferPointer<UInt8>, _ otherHash: UInt64) -> Bool {
      guard hash == otherHash, word.count == other.count, let start = word.baseAddress, let base = other.baseAddress
      else {
        return false
      }
      return memcmp(start, base, other.count) == 0
    }
  }

  /// Ids by place, -1 where free; a power of two of them.
  private var slots = [Int32](repeating: -1, count: 1 << 16)
  private var entries: [Entry] = []
  /// The words' bytes, in blocks that stay where they are.
  private var blocks: [UnsafeMutableBufferPointer<UInt8>] = []
  private var room = 0

  deinit { for block in blocks { block.deallocate() } }

  /// Bytes of a word that stay.
  private func kept(_ word: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
    if word.count > room {
      blocks.append(.allocate(capacity: max(1 << 20, word.count)))
      room = blocks[blocks.count - 1].count
    }
    let block = blocks[blocks.count - 1]
    let start = block.count - room
    room -= word.count
    let place = UnsafeMutableBufferPointer(rebasing: block[start..<start + word.count])
    _ = place.initialize(from: word)
    return UnsafeBufferPointer(place)
  }

  /// Different words.
  var count: Int { entries.count }
  /// The bytes of a word, which stay as long as the table does.
  func word(_ id: Int) -> UnsafeBufferPointer<UInt8> { entries[id].word }
  /// How often a word came.
  func uses(of id: Int) -> Int { entries[id].uses }

  var counts: [(token: String, count: Int)] {
    entries.map { (String(decoding: $0.word, as: UTF8.self), $0.uses) }
  }

  /// The id of a word that is not empty, a new one for a new word.
  func id(of word: UnsafeBufferPointer<UInt8>) -> Int32 {
    id(of: word, word.reduce(Self.emptyHash, Self.extend))
  }

  /// The id of a word that is not empty, a new one for a new word.
  func id(of word: UnsafeBufferPointer<UInt8>, _ hash: UInt64) -> Int32 {
    if entries.count * 2 > slots.count { grow() }
    var slot = Self.slot(hash, slots.count)
    while slots[slot] >= 0 {
      let id = Int(slots[slot])
      if entries[id].isSame(word, hash) {
        entries[id].uses += 1
        return Int32(id)
      }
      slot = (slot + 1) & (slots.count - 1)
    }
    slots[slot] = Int32(entries.count)
    entries.append(Entry(hash: hash, word: kept(word)))
    return Int32(entries.count - 1)
  }

  private func grow() {
    var larger = [Int32](repeating: -1, count: slots.count * 2)
    for (id, entry) in entries.enumerated() {
      var slot = Self.slot(entry.hash, larger.count)
      while larger[slot] >= 0 { slot = (slot + 1) & (larger.count - 1) }
      larger[slot] = Int32(id)
    }
    slots = larger
  }

  private static func slot(_ hash: UInt64, _ count: Int) -> Int {
    Int(truncatingIfNeeded: hash ^ hash >> 32) & (count - 1)
  }
}
