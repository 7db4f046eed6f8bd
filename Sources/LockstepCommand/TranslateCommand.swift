import ArgumentParser
import Foundation
import Lockstep
import Zoo

struct TranslateCommand<Tool: LockstepTool>: SoloCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "translate",
      abstract: "Translates sentences, or says how well the pairs of a dataset are translated.")
  }

  @Argument(help: "A checkpoint file, or a folder of them.", completion: .hdf5) var checkpoint: String
  @Argument(help: "Sentences to translate, each in quotes.") var sentences: [String] = []
  @Option(parsing: .unconditional, help: "How many beginnings to go on with at each step; 1 is greedy search.")
  var beam = 1
  @Option(parsing: .unconditional, help: "The exponent a of the score ln p / length^a; 0 favours short sentences.")
  var lengthPenalty = 0.75
  @Option(help: "The translation wanted of one sentence: shows how near it comes (BLEU, runs of up to 2 words).")
  var reference: String?
  @Option(
    help: "Draws how each word looked at the sentence, for a model with attention: an .svg or .png file.",
    completion: .picture)
  var attention: String?
  @Option(
    help: "Draws how each head of a Transformer looked at the sentence and at what was written: an .svg or .png file.",
    completion: .picture)
  var heads: String?
  @Option(help: "An HDF5 dataset of pairs: shows the mean BLEU of its first ones.", completion: .hdf5) var data: String?
  @Option(parsing: .unconditional, help: "How many pairs of --data to translate.") var first = 100
  @OptionGroup var weights: WeightOptions

  /// The notes count runs of one and two words.
  private static var longestRun: Int { 2 }

  func validate() throws {
    guard (1...1000).contains(beam) else { throw ValidationError("--beam is \(beam), but must be in 1…1000") }
    guard lengthPenalty.isFinite, lengthPenalty >= 0 else {
      throw ValidationError("--length-penalty is \(lengthPenalty), but must be 0 or more")
    }
    if first < 1 { throw ValidationError("--first is \(first), but must be 1 or more") }
    if sentences.isEmpty == (data == nil) {
      throw ValidationError("Expected sentences to translate, or else --data with a dataset of pairs")
    }
    if let place = sentences.firstIndex(where: { Sentence.words($0).isEmpty }) {
      throw ValidationError("sentence \(place + 1) is \"\(sentences[place])\", but must hold a word")
    }
    for (option, value) in [("reference", reference), ("attention", attention), ("heads", heads)]
    where value != nil && sentences.count != 1 {
      throw ValidationError("--\(option) is for one sentence, but there are \(sentences.count)")
    }
  }

  func run() throws {
    let model = try OpenedModel(checkpoint, Tool.registry(), weights)
    try model.configuration.kernels.run { try translate(by: model) }
  }

  private func translate(by model: OpenedModel) throws {
    let translator = try Translator(model)
    for picture in [attention, heads].compactMap(\.self) { try Gnuplot.check(picture) }
    if let data { return try measure(model, translator, data) }
    let progress = WorkLine("translating")
    defer { progress.clear() }
    for (place, sentence) in sentences.enumerated() {
      progress.draw(Double(place) / Double(sentences.count))
      let words = Sentence.words(sentence)
      let found = try translator.beam(words, width: beam, lengthPenalty: lengthPenalty)
      let unknown = words.filter { !translator.sourceVocabulary.contains($0) }
      if !unknown.isEmpty {
        let list = unknown.map { "\"\($0)\"" }.joined(separator: ", ")
        Console.warn("\(model.path) does not know \(list): read as \(Vocabulary.unknown)")
      }
      var line = "\(words.joined(separator: " ")) => \(found.text)"
      if let reference {
        let wanted = Sentence.words(reference).joined(separator: " ")
        line += String(format: ", bleu %.3f", bleu(found.text, wanted, k: Self.longestRun))
      }
      if let attention { try draw(found, of: words, by: model, to: attention) }
      if let heads { try drawHeads(found, of: words, by: model, translator, to: heads) }
      Console.show(line)
    }
  }

  /// The mean BLEU of pairs, against their translations as the dataset has them.
  private func measure(_ model: OpenedModel, _ translator: Translator, _ data: String) throws {
    _ = try model.open(data)
    let pairs = try PairsFile.open(data).dataset()
    let count = min(first, pairs.count)
    let end = translator.targetVocabulary[Vocabulary.end]
    var sum = 0.0
    let line = WorkLine("translating")
    defer { line.clear() }
    for row in 0..<count {
      line.draw(Double(row) / Double(count))
      let start = row * pairs.steps
      let source = pairs.source[start..<start + Int(pairs.sourceLengths[row])].map(Int.init)
      let target = pairs.target[start..<start + Int(pairs.targetLengths[row])].map(Int.init).filter { $0 != end }
      let found = try translator.beam(tokens: source, width: beam, lengthPenalty: lengthPenalty)
      let wanted = target.map { translator.targetVocabulary.tokens[$0] }.joined(separator: " ")
      sum += bleu(found.text, wanted, k: Self.longestRun)
    }
    line.clear()
    let mean = String(format: "%.4f", sum / Double(count))
    let search = beam == 1 ? "greedy" : "beam \(beam)"
    print("\(model.entry.name): mean bleu \(mean) of the first \(count) pairs, \(search)")
  }

  private func draw(_ found: Decoded, of words: [String], by model: OpenedModel, to path: String) throws {
    guard !found.attention.isEmpty else {
      throw ConfigurationError("attention is \(path), but \(model.entry.name) has none")
    }
    let rows = found.words + (found.isEnded ? [Vocabulary.end] : [])
    try Gnuplot.draw(
      Gnuplot.heatMap(
        found.attention, xLabel: "sentence", yLabel: "translation", columns: words + [Vocabulary.end], rows: rows),
      to: path)
  }

  private func drawHeads(
    _ found: Decoded, of words: [String], by model: OpenedModel, _ translator: Translator, to path: String
  ) throws {
    let tokens = (words + [Vocabulary.end]).map { translator.sourceVocabulary[$0] }
    guard let looks = try translator.looks(of: tokens, writing: found.words) else {
      throw ConfigurationError("heads is \(path), but \(model.entry.name) has none: they are a Transformer's")
    }
    let picture = try looks.picture()
    try Gnuplot.draw(picture.script, to: path, size: picture.size)
  }
}

extension Translator {
  /// Of a checkpoint, whose texts say what its tokens mean.
  init(_ model: OpenedModel) throws {
    guard let network = model.network as? EncoderDecoder else {
      throw CheckpointError(model.path, "is of \(model.entry.name), which does not translate")
    }
    guard let source = model.metadata.sourceVocabulary, let target = model.metadata.targetVocabulary,
      let steps = model.metadata.steps, (1...100_000).contains(steps)
    else {
      throw CheckpointError(model.path, "does not say its source_vocabulary, target_vocabulary and steps")
    }
    self.init(
      model: network, sourceVocabulary: Vocabulary(source), targetVocabulary: Vocabulary(target), steps: steps)
  }
}
