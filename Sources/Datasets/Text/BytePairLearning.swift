/// Learns which byte pairs to merge: of all pairs of neighbouring tokens within words, the most frequent becomes a token, again
/// and again. Equally frequent ones come by the numbers of their tokens, the lower first, so that a text has one answer; this is
/// the order of the reference, Hugging Face's tokenizers.
///
/// Each different word is there once, with how often it came. A merge looks at the places of its pair alone, so that it takes as
/// long as these are many, however long words are.
struct BytePairLearning {
  /// Bytes of a token: longer ones are not made.
  static let longestToken = 256

  /// By their numbers: `<unk>`, the bytes, and what was learnt.
  private(set) var vocabulary = [Vocabulary.unknown] + ByteAlphabet.tokens
  private(set) var merges: [BytePairs.Merge] = []
  let tokensOfBytes: [Int32]

  private struct Pair {
    let left, right: Int32
    /// Of all words, each as often as it came.
    var count = 0
    /// Where it was seen; some may be gone.
    var places: [Int32] = []
    var isMerged = false
  }

  /// A pair as frequent as it was when it was put here.
  private struct Candidate: Comparable {
    let count, pair: Int
    let left, right: Int32

    /// What comes first is the least of a heap.
    static func < (one: Candidate, other: Candidate) -> Bool {
      if one.count != other.count { return one.count > other.count }
      return one.left == other.left ? one.right < other.right : one.left < other.left
    }
  }

  private var numbers: [String: Int32]
  private var byteCounts = [Int](repeating: 1, count: 257)
  // All words behind each other: the token that begins at a byte, -1 within one. How many bytes it has stands at its first and
  // at its last byte; which word it is in, everywhere.
  private var tokens: [Int32] = []
  private var lengths: [Int32] = []
  private var words: [Int32] = []
  private var uses: [Int] = []
  private var pairs: [Pair] = []
  private var places: [UInt64: Int] = [:]
  private var heap = Heap<Candidate>()

  /// - Throws: `InputError` for a text of more than 2 GB of different words.
  init(_ table: WordTable, path: String) throws {
    tokensOfBytes = (UInt8.min...UInt8.max).map { byte in
      Int32(1 + (ByteAlphabet.bytes.firstIndex(of: byte) ?? 0))
    }
    numbers = Dictionary(uniqueKeysWithValues: vocabulary.enumerated().map { ($1, Int32($0)) })
    let size = (0..<table.count).reduce(0) { $0 + table.word($1).count }
    guard size < Int32.max else {
      throw InputError(path, "its different words have \(size) bytes, more than can be merged")
    }
    tokens.reserveCapacity(size)
    words.reserveCapacity(size)
    for id in 0..<table.count {
      uses.append(table.uses(of: id))
      for byte in table.word(id) {
        tokens.append(tokensOfBytes[Int(byte)])
        words.append(Int32(id))
      }
    }
    lengths = [Int32](repeating: 1, count: size)
    for place in tokens.indices.dropLast() where words[place] == words[place + 1] { see(at: place) }
    for (index, pair) in pairs.enumerated() { offer(index, pair) }
  }

  /// Merges until there are so many tokens, or no pair is left that comes `minimumFrequency` times, and twice.
  mutating func learn(vocabularyCount: Int, minimumFrequency: Int, progress: (Double) -> Void = { _ in }) {
    let least = max(minimumFrequency, 2)
    while vocabulary.count < vocabularyCount, let candidate = heap.popLeast() {
      let pair = pairs[candidate.pair]
      guard pair.count == candidate.count else {
        offer(candidate.pair, pair)
        continue
      }
      if pair.count < least { return }
      merge(candidate.pair)
      progress(Double(vocabulary.count) / Double(vocabularyCount))
    }
  }

  private mutating func offer(_ index: Int, _ pair: Pair) {
    guard pair.count > 0 else { return }
    heap.push(Candidate(count: pair.count, pair: index, left: pair.left, right: pair.right))
  }

  /// Counts the pair that begins at a place; the pair's index.
  @discardableResult
  private mutating func see(at place: Int) -> Int {
    let (left, right) = (tokens[place], tokens[place + Int(lengths[place])])
    let index = pair(left, right)
    pairs[index].count += uses[Int(words[place])]
    pairs[index].places.append(Int32(place))
    return index
  }

  private mutating func pair(_ left: Int32, _ right: Int32) -> Int {
    let key = BytePairs.key(left, right)
    if let known = places[key] { return known }
    places[key] = pairs.count
    pairs.append(Pair(left: left, right: right))
    return pairs.count - 1
  }

  private mutating func forget(_ left: Int32, _ right: Int32, at place: Int) {
    if let index = places[BytePairs.key(left, right)] { pairs[index].count -= uses[Int(words[place])] }
  }

  private mutating func merge(_ index: Int) {
    let (left, right, isMerged) = (pairs[index].left, pairs[index].right, pairs[index].isMerged)
    // From left to right, so that of "aaa" the first two become one.
    let found = pairs[index].places.sorted()
    (pairs[index].places, pairs[index].isMerged) = ([], true)
    // What overlaps, as in "aaa", is counted down on the way.
    defer { pairs[index].count = 0 }
    let bytes = byteCounts[Int(left)] + byteCounts[Int(right)]
    if bytes > Self.longestToken { return }
    let result = number(of: vocabulary[Int(left)] + vocabulary[Int(right)], bytes)
    // A token that comes of several pairs can be there again after its own pairs were merged.
    if !isMerged { merges.append(BytePairs.Merge(left: left, right: right, result: result)) }
    var changed: Set<Int> = []
    for place in found {
      let place = Int(place)
      let next = place + Int(lengths[place])
      guard tokens[place] == left, next < tokens.count, tokens[next] == right, words[next] == words[place] else {
        continue
      }
      join(place, next, into: result, &changed)
    }
    for index in changed { offer(index, pairs[index]) }
  }

  /// Makes one token of two, and counts the pairs around it anew; those that became more frequent are `changed`.
  private mutating func join(_ place: Int, _ next: Int, into result: Int32, _ changed: inout Set<Int>) {
    let (left, right, word) = (tokens[place], tokens[next], words[place])
    let length = lengths[place] + lengths[next]
    let after = place + Int(length)
    let hasAfter = after < tokens.count && words[after] == word
    let before = place > 0 && words[place - 1] == word ? place - Int(lengths[place - 1]) : nil
    if let before { forget(tokens[before], left, at: place) }
    if hasAfter { forget(right, tokens[after], at: place) }
    (tokens[place], tokens[next]) = (result, -1)
    (lengths[place], lengths[after - 1]) = (length, length)
    if let before { changed.insert(see(at: before)) }
    if hasAfter { changed.insert(see(at: place)) }
  }

  /// The number of a token, a new one for one that is new.
  private mutating func number(of token: String, _ bytes: Int) -> Int32 {
    if let known = numbers[token] { return known }
    numbers[token] = Int32(vocabulary.count)
    vocabulary.append(token)
    byteCounts.append(bytes)
    return Int32(vocabulary.count - 1)
  }
}
