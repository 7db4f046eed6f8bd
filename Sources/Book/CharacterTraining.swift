import Lockstep
import Zoo

extension Page {
  /// The notes' `train_ch8` for a model from scratch: trains, draws the perplexity, and lets the text go on.
  func train(
    _ name: String, _ model: ScratchModel, _ text: Characters, epochs: Int, perplexity bound: Double,
    isRandom: Bool = false
  ) {
    var points: [(Double, Double)] = []
    let start = monotonicSeconds()
    for epoch in self.epochs(epochs) {
      let batches = text.batches(epoch: epoch, isRandom: isRandom)
      let perplexity = model.trainEpoch(self, batches, learningRate: 1, isRandom: isRandom)
      points.append((Double(epoch + 1), number(perplexity)))
    }
    let seconds = monotonicSeconds() - start
    show("  \(epochs) of the notes' 500 epochs, \(Int(Double(epochs * text.corpus.count) / seconds)) tokens/s")
    judge(name, text, points, bound) { text.text(tokens(model.predict(text.indices($0), $1))) }
  }

  /// The same with the library's layers and trainer.
  func train(
    _ name: String, _ model: LanguageModel, _ text: Characters, epochs: Int, learningRate: Double = 1,
    perplexity bound: Double, sampling: SequenceSampling = .sequential
  ) {
    let configuration = Configuration(
      model: name, epochs: epochs, batchSize: text.batchSize, learningRate: learningRate, clipNorm: 1)
    let history = fit(model, LanguageModelling(), configuration, text.dataset(sampling))
    model.evaluate()
    let points = history.epochs.map { (Double($0.epoch), $0.train.perplexity) }
    show("  \(epochs) of the notes' 500 epochs, \(Int(history.epochs.last?.examplesPerSecond ?? 0)) tokens/s")
    judge(name, text, points, bound) { prefix, length in
      written(by: model, text, prefix, length)
    }
  }

  /// How the library's model goes on with a text.
  func written(by model: LanguageModel, _ text: Characters, _ prefix: String, _ length: Int) -> String {
    attempt { text.text(try model.generate(text.indices(prefix), length: length)) } ?? ""
  }

  /// Draws the perplexity and shows how texts go on; a model that has the text nearly by heart writes words of the book.
  private func judge(
    _ name: String, _ text: Characters, _ points: [(Double, Double)], _ bound: Double,
    _ goOn: (String, Int) -> String
  ) {
    let (first, last) = (points.first?.1 ?? .nan, points.last?.1 ?? .nan)
    expect("\(name): perplexity falls", last < 0.95 * first, "from \(first) to \(last)")
    draw("perplexity-\(name.replacing(" ", with: "-"))", "epoch", "perplexity", [Curve("train", points)])
    if !isQuick && text.isWhole { expect("\(name): at most \(bound)", last <= bound, "\(last)") }
    for prefix in ["time traveller", "traveller"] { show("  \(goOn(prefix, 50))") }
    guard last < 1.15 else { return }
    let share = text.shareOfWords(goOn("time traveller", 300))
    expect("\(name): most words it writes are the book's", share > 0.5, "\(share)")
  }
}
