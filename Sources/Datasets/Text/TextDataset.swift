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
  private let tokens: [Int32]
  private let digestOfTokens: String
  private var offset = 0
  /// Sequences that stand side by side, and the tokens of each, in sequential sampling; nil before it is arranged.
  public private(set) var rows: Int?
  private var rowLength = 0
  public private(set) var count: Int

  /// Sequences of `steps` tokens from a file, or from its first `limit` tokens.
  ///
  /// - Throws: `InputError` for a text that is shorter than one sequence and its last target.
  public init(_ file: TextFile, steps: Int, sampling: SequenceSampling, limit: Int? = nil) throws {
    let tokens = Array(file.tokens.prefix(limit ?? .max))
    let path = tokens.count < file.tokens.count ? "the beginning of \(file.path)" : file.path
    try self.init(tokens, steps: steps, sampling: sampling, path: path)
  }

  /// Throws an `InputError` that names `path` for a text too short for one sample.
  public init(_ tokens: [Int32], steps: Int, sampling: SequenceSampling, path: String = "text") throws {
    guard steps > 0, tokens.count > steps else {
      throw InputError(
        path, "holds \(tokens.count) tokens, but a sequence of \(steps) and its targets take \(steps + 1)")
    }
    (self.tokens, self.steps, self.sampling) = (tokens, steps, sampling)
    count = (tokens.count - 1) / steps
    var hash = SHA256()
    hash.update("\(tokens.count) \(steps) \(sampling.rawValue) \(tokens.withUnsafeBytes(Checksum.crc32))")
    digestOfTokens = hash.digest
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
    let inputs = samples.flatMap { tokens[start(of: $0)..<start(of: $0) + steps].map(Int64.init) }
    let targets = samples.flatMap { tokens[start(of: $0) + 1...start(of: $0) + steps].map(Int64.init) }
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
