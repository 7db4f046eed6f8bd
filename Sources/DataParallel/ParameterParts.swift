import MessagePassing
import Tensors

/// Parameters in a row, cut into chunks, of which each rank has a part: nearly as many elements on every rank, whatever the
/// parameters' sizes, and none on some where there are more ranks than elements.
final class ParameterParts {
  /// A run of a parameter's elements, in row-major order.
  struct Piece {
    let parameter: Int
    let range: Range<Int>
    /// Where it begins in its chunk.
    let place: Int
  }

  /// Elements that are gathered at once; it is also all the memory that gathering takes.
  private static let chunkElements = 1 << 20

  /// Each once.
  let parameters: [(name: String, tensor: Tensor)]
  private let ranks: Int
  private let starts: [Int]
  private let count: Int

  init(_ parameters: [(name: String, tensor: Tensor)], ranks: Int) {
    var seen: Set<ObjectIdentifier> = []
    self.parameters = parameters.filter { seen.insert(ObjectIdentifier($0.tensor)).inserted }
    self.ranks = ranks
    var next = 0
    starts = self.parameters.map { parameter in
      defer { next += parameter.tensor.elementCount }
      return next
    }
    count = next
  }

  private var chunks: [Range<Int>] {
    stride(from: 0, to: count, by: Self.chunkElements).map { $0..<min(count, $0 + Self.chunkElements) }
  }

  /// The elements of a chunk that are a rank's.
  private func share(of rank: Int, in chunk: Range<Int>) -> Range<Int> {
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
    let memory = Numbers<Float>(count: min(count, Self.chunkElements))
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
