import Datasets
import Networks
import Tensors
import Training

/// How the heads of a Transformer look while it translates a sentence: the encoder's at the sentence, the decoder's at what is
/// written so far and at the sentence.
public struct HeadLooks {
  /// The sentence with `<eos>`.
  public let source: [String]
  /// `<bos>` and the words behind it, each of which asks for the next one.
  public let written: [String]
  /// Of each block, `[heads, steps, steps]`; steps behind the sentence are padding.
  public let encoder: [Tensor]
  /// Of each block at what is written, `[heads, written, written]`, and at the sentence, `[heads, written, steps]`.
  public let decoder: [(own: Tensor, source: Tensor)]

  /// One picture: a row for each head, a column for each attention of each block.
  ///
  /// - Returns: a script for `Gnuplot.draw`, and the picture's size in an SVG file.
  public func picture() throws -> (script: [String], size: (width: Int, height: Int)) {
    let sentence = source.count
    let columns =
      encoder.enumerated().map { ("encoder \($0 + 1)", $1[.all, ..<sentence, ..<sentence], source, source) }
      + decoder.enumerated().map { ("decoder \($0 + 1), itself", $1.own, written, written) }
      + decoder.enumerated().map {
        ("decoder \($0 + 1), sentence", $1.source[.all, .all, ..<sentence], written, source)
      }
    let heads = encoder.first?.shape.first ?? 0
    let numbers = try columns.map { try $0.1.values(as: Double.self) }
    let maps = (0..<heads).flatMap { head in
      columns.enumerated().map { place, column in
        let (title, _, rows, names) = column
        let (width, area) = (names.count, rows.count * names.count)
        let values = Array(numbers[place][head * area..<(head + 1) * area])
        return Gnuplot.heatMap(
          (0..<rows.count).map { Array(values[$0 * width..<($0 + 1) * width]) }, xLabel: "",
          yLabel: place == 0 ? "head \(head + 1)" : "", columns: names, rows: rows, title: head == 0 ? title : "",
          isPart: true)
      }
    }
    let longest = max(source.count, written.count)
    let side = 90 + 22 * longest
    return (Gnuplot.grid(maps, columns: columns.count), (side * columns.count, (side - 10) * heads))
  }
}

extension Translator {
  /// How a Transformer's heads look at a sentence, given by its tokens with that of `<eos>`, and at its translation; nil for other
  /// models.
  public func looks(of tokens: [Int], writing words: [String]) throws -> HeadLooks? {
    guard let encoder = model.encoder as? TransformerEncoder, let decoder = model.decoder as? TransformerDecoder
    else { return nil }
    let written = [Vocabulary.begin] + words
    let wasTraining = model.isTraining
    model.evaluate()
    defer { model.train(wasTraining) }
    // In one piece, for the weights of all steps.
    return try withoutGradient {
      let (source, length) = padded(tokens)
      var state = decoder.begin(encoder.encode(source, lengths: length))
      try decoder.decode(Tensor([written.map { Int64(targetVocabulary[$0]) }]), &state).check()
      return HeadLooks(
        source: tokens.map { sourceVocabulary.tokens[$0] }, written: written,
        encoder: encoder.attentionWeights.map { $0[0] }, decoder: decoder.headWeights.map { ($0.own[0], $0.source[0]) })
    }
  }
}
