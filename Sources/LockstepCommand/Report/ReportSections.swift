import Foundation
import Lockstep
import Zoo

/// The parts of a report's page.
enum ReportSections {
  /// Figures, curves, and where the time went.
  static func add(_ history: RunHistory, to page: inout HTMLPage) {
    let figures = history.figures
    let last = figures.compactMap { figure in history.points(figure).last.map { (figure.key, text($0.1)) } }
    let speed = history.epochs.last?.values.first { $0.key.hasSuffix("_per_second") }
    var tiles =
      [("epochs", "\(history.epochs.last?.number ?? 0)"), ("time", ProgressPrinter.clock(history.seconds))] + last
    if let ranks = history.epochs.last?.values["ranks"] { tiles.append(("ranks", ProgressPrinter.grouped(ranks))) }
    if let speed {
      tiles.append((speed.key.replacingOccurrences(of: "_", with: " "), ProgressPrinter.grouped(speed.value)))
    }
    page.add("After the last epoch", HTMLPage.tiles(tiles))
    let charts = figures.byName.map { name, figures in
      LineChart(title: name, curves: figures.map { ($0.split, history.points($0)) }).svg
    }
    page.add("Curves", "<div class=\"charts\">\n\(charts.joined(separator: "\n"))\n</div>")
    guard let times = history.times else { return }
    let labels = [
      "fetch": "waiting for data", "forward": "forward", "backward": "backward", "wait": "waiting for other ranks",
      "update": "update",
    ]
    let parts = times.map { (labels[$0.part] ?? $0.part, $0.seconds) }
    page.add(
      "Where the time went",
      HTMLPage.shares(parts) + "<p class=\"note\">Of rank 0, from the first epoch to the end of the last.</p>")
  }

  /// What the training was told, and what the model is made of.
  static func add(_ configuration: Configuration?, _ network: Module?, to page: inout HTMLPage) throws {
    if let configuration {
      let rows = configuration.table.flatMap { group in
        group.settings.enumerated().map { [$0 == 0 ? group.name : "", $1.option, $1.value] }
      }
      let all = configuration.settings.map { [$0.option, $0.setting.text ?? "none"] }
      page.add(
        "Configuration",
        HTMLPage.table(["", "setting", "value"], rows)
          + "<details><summary>All settings, defaults included</summary>\(HTMLPage.table([], all))</details>")
    }
    if let network { page.add("Model", "<pre>\(HTMLPage.escaped("\(network)"))</pre>") }
  }

  /// What the model makes of data.
  static func add(
    _ model: OpenedModel, _ path: String, _ split: String?, count: Int, to page: inout HTMLPage
  ) throws {
    let data = try model.open(path)
    let name = split ?? data.usualSplit
    let dataset = try data.split(name, model.configuration, isTraining: false)
    guard data.isLabelled(name) else { throw InputError(path, "/\(name) has no labels: it can't be judged by") }
    let evaluator = try model.evaluator(of: dataset, data.objective, .alone)
    let totals = try evaluator.evaluate(dataset)
    var tiles = data.objective.measures(of: totals).map { ($0.name, text($0.value)) }
    tiles.append((data.objective.unit == "examples" ? "samples" : data.objective.unit, "\(Int(totals.weight))"))
    page.add("On /\(name) of \(path)", HTMLPage.tiles(tiles))
    if let names = data.metadata.classNames, let labels = try data.labels(name),
      let (logits, width) = try evaluator.predict(dataset)
    {
      try add(ClassAnswers(logits, width, labels, names), dataset, model.configuration, count, to: &page)
    } else if model.network is EncoderDecoder {
      try add(Translator(model), PairsFile.open(path).dataset(), count, to: &page)
    } else if let network = model.network as? any SequenceModel, let words = model.metadata.vocabulary {
      try add(network, TextFile.open(path), words, model.metadata.token, to: &page)
    }
  }

  // MARK: Classes

  private static func add(
    _ answers: ClassAnswers, _ dataset: any Dataset, _ configuration: Configuration, _ count: Int,
    to page: inout HTMLPage
  ) throws {
    let report = ClassReport(answers)
    let rows = (report.classes + [report.macro, report.weighted]).map {
      [$0.name, text($0.precision), text($0.recall), text($0.f1), "\($0.support)"]
    }
    page.add("Classes", HTMLPage.table(["class", "precision", "recall", "F1", "samples"], rows, numbersFrom: 1))
    if answers.names.count <= 50 {
      let counts = answers.counts
      let shares = counts.map { row in row.map { Double($0) / Double(max(row.reduce(0, +), 1)) } }
      let texts = counts.map { row in row.map { $0 == 0 ? "" : "\($0)" } }
      page.add(
        "Confusion matrix",
        "<p class=\"note\">A row for each class, a column for what its samples were taken for.</p>"
          + HTMLPage.heat(shares, texts, rows: answers.names, columns: answers.names))
    }
    let worst = Array(answers.mistakes.prefix(count))
    guard !worst.isEmpty else { return }
    let inputs = try dataset.batch(worst).inputs
    let pictures = Picture.pictures(try inputs.floats(), inputs.shape, configuration.normalization)
    guard pictures.count == worst.count else { return }
    let figures = zip(worst, pictures).map { sample, picture in
      let (label, found) = (answers.name(Int(answers.labels[sample])), answers.name(answers.predicted[sample]))
      let factor = max(1, 112 / max(picture.size.height, picture.size.width, 1))
      return "<figure>\(HTMLPage.image(picture.enlarged(by: factor), "sample \(sample): \(label)"))<figcaption>"
        + "<b>\(HTMLPage.escaped(label))</b><br><i>\(HTMLPage.escaped(found))</i><br>"
        + "\(Int((answers.certainty(sample) * 100).rounded())) % sure</figcaption></figure>"
    }
    page.add("Worst mistakes", "<div class=\"pictures\">\n\(figures.joined(separator: "\n"))\n</div>")
  }

  // MARK: Texts

  /// What a language model writes behind beginnings from its data.
  private static func add(
    _ network: any SequenceModel, _ file: TextFile, _ words: [String], _ kind: String?, to page: inout HTMLPage
  ) throws {
    let separator = kind == TokenKind.word.rawValue ? " " : ""
    func text(_ tokens: some Sequence<Int>) -> String { file.tokenizer.decode(Array(tokens)) }
    // The most probable token each time soon goes round in circles.
    var sampling = TokenSampling()
    (sampling.temperature, sampling.topK) = (0.8, 40)
    let line = WorkLine("texts")
    defer { line.clear() }
    let quotes = try (0..<3).compactMap { part -> String? in
      let start = file.count / 3 * part
      let prefix = try file.tokens(start..<min(start + 16, file.count)).map(Int.init)
      guard !prefix.isEmpty, prefix.allSatisfy({ words.indices.contains($0) }) else { return nil }
      let all = try network.evaluateOnce {
        try network.generate(prefix, length: 200, sampling: sampling) { line.draw((Double(part) + $0) / 3) }
      }
      return "<blockquote><b>\(HTMLPage.escaped(text(prefix)))</b>"
        + "\(HTMLPage.escaped(separator + text(all.dropFirst(prefix.count))))</blockquote>"
    }
    let note = "<p class=\"note\">Drawn among the 40 most probable tokens, at temperature 0.8.</p>\n"
    page.add("Texts that it writes", quotes.isEmpty ? "" : note + quotes.joined(separator: "\n"))
  }

  // MARK: Translations

  private static func add(
    _ translator: Translator, _ pairs: PairsDataset, _ count: Int, to page: inout HTMLPage
  ) throws {
    let end = translator.targetVocabulary[Vocabulary.end]
    var (rows, maps): ([[String]], [String]) = ([], [])
    let line = WorkLine("translating")
    defer { line.clear() }
    for row in 0..<min(count, pairs.count) {
      line.draw(Double(row) / Double(min(count, pairs.count)))
      let start = row * pairs.steps
      let source = pairs.source[start..<start + Int(pairs.sourceLengths[row])].map(Int.init)
      let wanted = pairs.target[start..<start + Int(pairs.targetLengths[row])].map(Int.init).filter { $0 != end }
        .map { translator.targetVocabulary.tokens[$0] }.joined(separator: " ")
      let found = try translator.beam(tokens: source, width: 2)
      let words = source.map { translator.sourceVocabulary.tokens[$0] }
      rows.append([
        words.dropLast().joined(separator: " "), found.text, wanted, text(bleu(found.text, wanted, k: 2)),
      ])
      if !found.attention.isEmpty && maps.count < 4 {
        let texts = found.attention.map { $0.map { $0 < 0.05 ? "" : String(format: "%.2f", $0) } }
        maps.append(
          HTMLPage.heat(
            found.attention, texts, rows: found.words + (found.isEnded ? [Vocabulary.end] : []), columns: words))
      }
    }
    page.add(
      "Translations, by a beam of 2",
      HTMLPage.table(["sentence", "translation", "as the data have it", "BLEU"], rows, numbersFrom: 3))
    page.add(
      "Attention",
      maps.isEmpty
        ? ""
        : "<p class=\"note\">How each word (row) looked at the sentence.</p>\n<div class=\"charts\">\(maps.joined())</div>"
    )
  }

  private static func text(_ value: Double) -> String {
    value.isFinite ? String(format: abs(value) < 1000 ? "%.4f" : "%.1f", value) : "\(value)"
  }
}
