/// Byte-pair encoding: pairs of neighbouring tokens become one, the earliest learnt first, until none is left that was learnt.
/// Bytes are what it begins with, so that any text can be encoded. Sources: Sennrich et al. 2016; Radford et al. 2019.
public struct BytePairs: Sendable {
  /// Two tokens, and what becomes of them.
  struct Merge: Sendable, Equatable {
    let left, right, result: Int32
  }

  /// In the order in which they were learnt.
  let merges: [Merge]
  /// By both tokens: the merge's place in `merges`.
  private let ranks: [UInt64: Int]
  /// By the byte.
  private let tokensOfBytes: [Int32]

  init(_ merges: [Merge], tokensOfBytes: [Int32]) {
    (self.merges, self.tokensOfBytes) = (merges, tokensOfBytes)
    ranks = Dictionary(
      merges.enumerated().map { (Self.key($1.left, $1.right), $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// As a file spells them: both tokens with a blank between.
  ///
  /// - Throws: `InputError` for a vocabulary without a token for each byte, and for merges that it does not have.
  init(_ spelled: [String], _ vocabulary: Vocabulary, path: String) throws {
    let bytes = UInt8.min...UInt8.max
    let tokens = try bytes.map { byte -> Int32 in
      let token = String(Character(ByteAlphabet.characters[Int(byte)]))
      guard vocabulary.contains(token) else {
        throw InputError(path, "/vocabulary: has no token for the byte 0x\(String(byte, radix: 16))")
      }
      return Int32(vocabulary[token])
    }
    var known: Set<UInt64> = []
    let merges = try spelled.enumerated().map { place, text -> Merge in
      let parts = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, (parts + [parts.joined()]).allSatisfy({ vocabulary.contains($0) }) else {
        throw InputError(
          path,
          "/merges: place \(place): expected two tokens that are one of the vocabulary together, found \(text.shown)")
      }
      let merge = Merge(
        left: Int32(vocabulary[parts[0]]), right: Int32(vocabulary[parts[1]]),
        result: Int32(vocabulary[parts.joined()]))
      guard known.insert(Self.key(merge.left, merge.right)).inserted else {
        throw InputError(path, "/merges: place \(place): \(text.shown) is there twice")
      }
      return merge
    }
    self.init(merges, tokensOfBytes: tokens)
  }

  static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  /// As `init(_:_:path:)` reads them.
  func spelled(_ vocabulary: [String]) -> [String] {
    merges.map { "\(vocabulary[Int($0.left)]) \(vocabulary[Int($0.right)])" }
  }

  /// A pair that may be merged: the earliest learnt comes first, and of several of them the first in the word.
  private struct Candidate: Comparable {
    let rank, place: Int

    static func < (left: Candidate, right: Candidate) -> Bool {
      left.rank == right.rank ? left.place < right.place : left.rank < right.rank
    }
  }

  /// Appends a token for each byte.
  func encodeBytes(_ text: UnsafeBufferPointer<UInt8>, into result: inout [Int32]) {
    for byte in text { result.append(tokensOfBytes[Int(byte)]) }
  }

  /// Appends the tokens of a word.
  func encode(_ word: UnsafeBufferPointer<UInt8>, into result: inout [Int32]) {
    // Tokens by their first byte, -1 within one; how many bytes each has stands at its first and at its last byte.
    var tokens = word.map { tokensOfBytes[Int($0)] }
    var lengths = [Int32](repeating: 1, count: word.count)
    var heap = Heap<Candidate>()
    func consider(_ place: Int) {
      let next = place + Int(lengths[place])
      guard next < tokens.count, let rank = ranks[Self.key(tokens[place], tokens[next])] else { return }
      heap.push(Candidate(rank: rank, place: place))
    }
    for place in word.indices { consider(place) }
    while let candidate = heap.popLeast() {
      let (place, merge) = (candidate.place, merges[candidate.rank])
      guard tokens[place] == merge.left else { continue }
      let next = place + Int(lengths[place])
      guard next < tokens.count, tokens[next] == merge.right else { continue }
      let length = lengths[place] + lengths[next]
      (tokens[place], tokens[next]) = (merge.result, -1)
      (lengths[place], lengths[place + Int(length) - 1]) = (length, length)
      if place > 0 { consider(place - Int(lengths[place - 1])) }
      consider(place)
    }
    for token in tokens where token >= 0 { result.append(token) }
  }
}
