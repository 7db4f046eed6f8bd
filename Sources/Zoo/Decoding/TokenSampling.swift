import Kernels
import Networks
import Tensors

/// How the next token is drawn: from the softmax of the logits over a temperature, among the most probable ones alone where that
/// is asked for. As Hugging Face's `generate`: temperature, then top-k, then top-p.
public struct TokenSampling: Sendable, Equatable {
  /// Below 1 the probable becomes more probable, above 1 all become more alike.
  public var temperature = 1.0
  /// So many tokens, the most probable ones, equally probable ones by their numbers; nil for all.
  public var topK: Int?
  /// The fewest tokens that have so much of the probability together; nil for all.
  public var topP: Double?
  /// What is drawn is a function of it, of the token's place in the text, and of the logits.
  public var seed: UInt64 = 0

  /// All tokens, at their own probabilities.
  public init() {}

  /// Draws the token that stands at `place` of a text.
  /// - Throws: `TensorError` for logits that are not finite, and for the fault of a tensor that carries one.
  public func choose(_ logits: Tensor, place: Int) throws -> Int {
    let logits = try logits.values(as: Double.self)
    guard let largest = logits.max(), logits.allSatisfy(\.isFinite) else {
      throw TensorError("generate", "the logits of the token at place \(place) are not finite")
    }
    var tokens = logits.indices.sorted { logits[$0] == logits[$1] ? $0 < $1 : logits[$0] > logits[$1] }
    if let topK { tokens = Array(tokens.prefix(max(topK, 1))) }
    var powers = tokens.map { (logits[$0] - largest) / temperature }
    let count = powers.count
    powers.withUnsafeMutableBufferPointer { powers in
      if let base = powers.baseAddress { ElementaryFunction.exp.apply(base, into: base, count: count) }
    }
    if let topP {
      let wanted = topP * powers.reduce(0, +)
      var sum = 0.0
      let last = powers.firstIndex { power in
        sum += power
        return sum >= wanted
      }
      powers = Array(powers.prefix((last ?? count - 1) + 1))
    }
    let bits = RandomKey(seed: seed, .generation, time: place).block(0)
    let share = Double((UInt64(bits.x) << 32 | UInt64(bits.y)) >> 11) * 0x1p-53
    var rest = share * powers.reduce(0, +)
    let drawn = powers.firstIndex { power in
      rest -= power
      return rest < 0
    }
    return tokens[drawn ?? powers.count - 1]
  }
}

extension SequenceModel {
  /// Continues a text by `length` further tokens: drawn as `sampling` says, or each the most probable one, as the notes'
  /// `predict_ch8`; `progress` is told the share that is done.
  public func generate(
    _ prefix: [Int], length: Int, sampling: TokenSampling? = nil, progress: (Double) -> Void = { _ in }
  ) throws -> [Int] {
    guard !prefix.isEmpty, length >= 0 else { throw TensorError("generate", "an empty prefix has no next token") }
    let reader = makeReader()
    var tokens = prefix
    var unread = prefix
    for place in 0..<length {
      progress(Double(place) / Double(length))
      let logits = reader.read(unread)
      let next = try sampling?.choose(logits, place: tokens.count) ?? Int(withoutGradient { logits.argmax() }.item())
      tokens.append(next)
      unread = [next]
    }
    return tokens
  }
}
