import HDF5Files
import Tensors

/// How subsequences of a text become the samples of an epoch. Source: the book's chapter on language models.
public enum SequenceSampling: String, Sendable, Codable, CaseIterable {
  /// In random order; states begin with zeros.
  case random
  /// A step's sequences go on where the step before ended, row by row, and so do their states.
  case sequential
}

/// Subsequences of a text: inputs int64 `[batch, steps]`, targets the same one token later. Each token is the input of one
/// sample at the most, but for those before the epoch's random offset and after the last whole sequence.
public struct TextDataset: DigestedDataset {
  /// Tokens of a sample.
  public let steps: Int
  /// How samples are taken from the text.
  public let sampling: SequenceSampling
  private let tokens: TextTokens
  /// How samples taken at random are shuffled.
  public let shuffling: Shuffling
  private let chunkTokens: Int
  private let windowBytes: Int?
  private let digestOfTokens: String
  private var offset = 0
  /// Sequences that stand side by side, and the tokens of each, in sequential sampling; nil before it is arranged.
  public private(set) var rows: Int?
  private var rowLength = 0
  public private(set) var count: Int

  /// Sequences of `steps` tokens from a file's training text, or from its first `limit` tokens.
  ///
  /// - Throws: as the same of a `TextPart`.
  public init(
    _ file: TextFile, steps: Int, sampling: SequenceSampling, limit: Int? = nil, batchSize: Int = 1,
    _ options: StreamingOptions = StreamingOptions()
  ) throws {
    try self.init(try file.part().first(limit), steps: steps, sampling: sampling, batchSize: batchSize, options)
  }

  /// Sequences of `steps` tokens from a text of a file: in memory where it fits that, else read when they are needed.
  ///
  /// - Parameters:
  ///   - part: the text.
  ///   - steps: tokens of a sequence.
  ///   - sampling: how sequences are taken from it.
  ///   - batchSize: sequences that stand side by side in sequential sampling.
  ///   - options: how much memory, and how sequences are shuffled.
  /// - Throws: `InputError` for a text that is shorter than one sequence and its last target; `MemoryBudgetError` where the memory
  ///   is too small for a batch or a window.
  public init(
    _ part: TextPart, steps: Int, sampling: SequenceSampling, batchSize: Int = 1,
    _ options: StreamingOptions = StreamingOptions()
  ) throws {
    let count = part.count
    let isResident = count <= options.memory / MemoryLayout<Int32>.stride
    let shuffling = options.shuffling ?? (isResident || sampling == .sequential ? .full : .windowed)
    let tokens: TextTokens
    if isResident {
      tokens = .memory(try part.tokens(0..<count))
    } else {
      if sampling == .random, shuffling == .full {
        let megabytes = count / (1 << 20) * MemoryLayout<Int32>.stride + 4
        throw MemoryBudgetError(
          "shuffle is full, for which all tokens must be in memory: it takes --memory \(megabytes)MB, or --shuffle windowed"
        )
      }
      // Sequences begin anywhere, so that those of a chunk lie in two pieces.
      let window = Self.layout(of: max(count / max(steps, 1), 1), steps, part.chunkTokens).window(bytes: options.window)
      let needed = sampling == .sequential ? max(batchSize, 1) + 1 : 2 * window + 2
      tokens = .file(try TokenPieces(part, memory: options.memory, needed: needed))
    }
    try self.init(
      tokens, steps: steps, sampling: sampling, path: part.name, shuffling, chunk: part.chunkTokens,
      window: options.window)
  }

  /// Throws an `InputError` that names `path` for a text too short for one sample.
  public init(_ tokens: [Int32], steps: Int, sampling: SequenceSampling, path: String = "text") throws {
    try self.init(.memory(tokens), steps: steps, sampling: sampling, path: path, .full, chunk: 1, window: nil)
  }

  private init(
    _ tokens: TextTokens, steps: Int, sampling: SequenceSampling, path: String, _ shuffling: Shuffling, chunk: Int,
    window: Int?
  ) throws {
    guard steps > 0, tokens.count > steps else {
      throw InputError(
        path, "holds \(tokens.count) tokens, but a sequence of \(steps) and its targets take \(steps + 1)")
    }
    (self.tokens, self.steps, self.sampling, self.shuffling) = (tokens, steps, sampling, shuffling)
    (chunkTokens, windowBytes) = (chunk, window)
    count = (tokens.count - 1) / steps
    var hash = SHA256()
    hash.update("\(tokens.count) \(steps) \(sampling.rawValue) \(try tokens.checksum())")
    digestOfTokens = hash.digest
  }

  /// Sequences in chunks, as many in each as a chunk of the file has room for.
  private static func layout(of count: Int, _ steps: Int, _ chunkTokens: Int) -> ChunkLayout {
    ChunkLayout(
      count: count, rows: max(chunkTokens / steps, 1), columns: [steps * MemoryLayout<Int32>.stride])
  }

  private var layout: ChunkLayout { Self.layout(of: count, steps, chunkTokens) }
  public var ordering: Ordering {
    if rows != nil { return .inOrder }
    return shuffling == .full ? .shuffled : .windowed(layout, window: layout.window(bytes: windowBytes))
  }
  /// Bytes of a window; nil where there are none.
  public var window: Int? {
    sampling == .random && shuffling == .windowed ? layout.window(bytes: windowBytes) * layout.memoryBytes : nil
  }

  public var digest: String { digestOfTokens }
  public func weight(of samples: [Int]) -> Int { samples.count * steps }

  /// The samples of one epoch. All epochs have as many: the offset's room is left free even where it is small.
  public func arranged(epoch: Int, batchSize: Int, seed: UInt64) -> any Dataset {
    let room = min(sampling == .random ? steps - 1 : steps, tokens.count - 1 - steps)
    let usable = tokens.count - 1 - room
    let offset = RandomKey(seed: seed, .shuffling, layer: 1, time: epoch).bounded(room + 1, draw: 0)
    if sampling == .sequential {
      return sideBySide(rows: min(max(batchSize, 1), usable / steps), of: usable, from: offset)
    }
    var result = self
    (result.offset, result.count) = (offset, usable / steps)
    return result
  }

  /// The text from its beginning to its end in rows side by side, for an evaluation that carries states on as the training
  /// did: as many rows, up to `limit`, as leave out no more than a hundredth at their ends.
  public func inRows(atMost limit: Int) -> TextDataset {
    let usable = tokens.count - 1
    let all = usable / steps
    var result = sideBySide(rows: 1, of: usable, from: 0)
    for rows in 1...max(1, min(limit, all)) {
      let more = sideBySide(rows: rows, of: usable, from: 0)
      if all - more.count <= all / 100 { result = more }
    }
    return result
  }

  /// Rows of equal length that share out so many inputs behind `offset`, each of as many samples as fit.
  private func sideBySide(rows: Int, of usable: Int, from offset: Int) -> TextDataset {
    var result = self
    (result.offset, result.rows, result.rowLength) = (offset, rows, usable / rows)
    result.count = rows * (usable / rows / steps)
    return result
  }

  /// Where in the text a sample begins.
  public func start(of sample: Int) -> Int {
    guard let rows else { return offset + sample * steps }
    return offset + sample % rows * rowLength + sample / rows * steps
  }

  public func batch(_ samples: [Int]) throws -> Batch {
    if let wrong = samples.first(where: { !(0..<count).contains($0) }) {
      throw TensorError("batch", "sample \(wrong) of \(count)")
    }
    var (inputs, targets) = ([Int64](), [Int64]())
    inputs.reserveCapacity(samples.count * steps)
    targets.reserveCapacity(samples.count * steps)
    for sample in samples {
      let start = start(of: sample)
      try tokens.forEachPart(of: start..<start + steps) { for token in $0 { inputs.append(Int64(token)) } }
      try tokens.forEachPart(of: start + 1..<start + steps + 1) { for token in $0 { targets.append(Int64(token)) } }
    }
    var batch = Batch(
      inputs: Tensor(inputs, shape: [samples.count, steps]),
      targets: Tensor(targets, shape: [samples.count, steps]), samples: samples)
    if let rows {
      batch.continuation = Continuation(
        rows: samples.map { $0 % rows }, isStart: samples.allSatisfy { $0 < rows })
    }
    return batch
  }
}
