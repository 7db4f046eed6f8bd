import MessagePassing
import Tensors

/// Parameters in a row, cut into chunks, of which each rank has a part: nearly as many elements on every rank, whatever the
/// parameters' sizes, and none on some where there are more ranks than elements. Or, where a parameter must not be cut, whole ones.
final class ParameterParts {
  /// A run of a parameter's elements, in row-major order.
  struct Piece {
    let parameter: Int
    let range: Range<Int>
    /// Where it begins in its chunk.
    let place: Int
  }

  /// Elements that are gathered at once; it is also all the memory that gathering takes, but for a larger one that is not cut.
  private static let chunkElements = 1 << 20

  /// Each once.
  let parameters: [(name: String, tensor: Tensor)]
  private let ranks: Int
  private let starts: [Int]
  private let count: Int
  private let chunks: [Range<Int>]
  /// Where each rank's part begins, and where the last one ends; nil where every chunk is cut by itself.
  private let wholeCuts: [Int]?

  init(_ parameters: [(name: String, tensor: Tensor)], ranks: Int, keepsWhole: Bool = false) {
    var seen: Set<ObjectIdentifier> = []
    let parameters = parameters.filter { seen.insert(ObjectIdentifier($0.tensor)).inserted }
    var ends = [0]
    for parameter in parameters { ends.append(ends[ends.count - 1] + parameter.tensor.elementCount) }
    let count = ends[ends.count - 1]
    (self.parameters, self.ranks, self.count, starts) = (parameters, ranks, count, ends.dropLast())
    guard keepsWhole else {
      chunks = stride(from: 0, to: count, by: Self.chunkElements).map { $0..<min(count, $0 + Self.chunkElements) }
      wholeCuts = nil
      return
    }
    var chunks: [Range<Int>] = []
    for (start, end) in zip(ends, ends.dropFirst()) where end > start {
      if let last = chunks.last, end - last.lowerBound <= Self.chunkElements {
        chunks[chunks.count - 1] = last.lowerBound..<end
      } else {
        chunks.append(start..<end)
      }
    }
    self.chunks = chunks
    wholeCuts = (0...ranks).map { rank in
      let even = Sharding.share(count, rank, ranks)
      return ends.min { abs($0 - even) < abs($1 - even) } ?? 0
    }
  }

  /// The elements of a chunk that are a rank's.
  private func share(of rank: Int, in chunk: Range<Int>) -> Range<Int> {
    if let wholeCuts { return (wholeCuts[rank]..<wholeCuts[rank + 1]).clamped(to: chunk) }
    let cut = { chunk.lowerBound + Sharding.share(chunk.count, $0, self.ranks) }
    return cut(rank)..<cut(rank + 1)
  }

  /// The pieces of parameters that some elements of a chunk are.
  private func pieces(_ elements: Range<Int>, in chunk: Range<Int>) -> [Piece] {
    parameters.indices.compactMap { index in
      let whole = starts[index]..<starts[index] + parameters[index].tensor.elementCount
      let common = whole.clamped(to: elements)
      if common.isEmpty { return nil }
      return Piece(
        parameter: index, range: common.lowerBound - whole.lowerBound..<common.upperBound - whole.lowerBound,
        place: common.lowerBound - chunk.lowerBound)
    }
  }

  /// All that is a rank's.
  func pieces(of rank: Int) -> [Piece] { chunks.flatMap { pieces(share(of: rank, in: $0), in: $0) } }

  /// Puts every rank's parts into the parameters of all ranks; chunks without a parameter that `changed` stay where they are.
  func gather(_ own: [some PartOfParameter], where changed: [Bool], over communicator: Communicator) throws {
    var next = own[...]
    let memory = Numbers<Float>(count: chunks.map(\.count).max() ?? 0)
    for chunk in chunks {
      let mine = pieces(share(of: communicator.rank, in: chunk), in: chunk).count
      let (parts, all) = (next.prefix(mine), pieces(chunk, in: chunk))
      next = next.dropFirst(mine)
      guard all.contains(where: { changed[$0.parameter] }) else { continue }
      for part in parts {
        try part.tensor.withRowMajor { (values: UnsafeBufferPointer<Float>) in
          _ = memory[part.piece.place..<part.piece.place + values.count].update(from: values)
        }
      }
      let counts = (0..<ranks).map { share(of: $0, in: chunk).count }
      try communicator.startAllGather(memory[0..<chunk.count], counts: counts, owner: memory).wait()
      for piece in all {
        try parameters[piece.parameter].tensor.withFloats {
          _ = UnsafeMutableBufferPointer(rebasing: $0[piece.range])
            .update(from: memory[piece.place..<piece.place + piece.range.count])
        }
      }
    }
  }
}

/// A piece of a parameter with its new values.
protocol PartOfParameter {
  var piece: ParameterParts.Piece { get }
  var tensor: Tensor { get }
}
