import Lockstep
import Zoo

/// How long a chapter trains, and what perplexity must be reached.
struct Lessons {
  /// Epochs of the model from scratch, which walks step by step, and of the library's.
  let scratch, concise: Int
  /// Of the library's model on the whole book's text.
  let perplexity: Double
  /// Of the one from scratch after its fewer epochs.
  let scratchPerplexity: Double
}

extension Page {
  /// The notes' `train_ch8` for a model from scratch: trains, draws the perplexity, and lets the text go on.
  func train(
    _ name: String, _ model: ScratchModel, _ text: Characters, epochs: Int, perplexity bound: Double,
    isRandom: Bool = false
  ) throws {
    var points: [(Double, Double)] = []
    let start = monotonicSeconds()
    for epoch in 0..<epochs {
      let batches = try text.batches(epoch: epoch, isRandom: isRandom)
      points.append((Double(epoch + 1), try model.trainEpoch(batches, learningRate: 1, isRandom: isRandom)))
    }
    let seconds = monotonicSeconds() - start
    show("  \(epochs) epochs, \(Int(Double(epochs * text.corpus.count) / seconds)) tokens/s")
    try judge(name, text, points) { text.text(try model.predict(text.indices($0), 50)) }
    if !isQuick && text.isWhole { expect("\(name): at most \(bound)", (points.last?.1 ?? .nan) <= bound) }
  }

  /// The same with the library's layers and trainer.
  func train(
    _ name: String, _ model: LanguageModel, _ text: Characters, epochs: Int, learningRate: Double = 1,
    perplexity bound: Double, sampling: SequenceSampling = .sequential
  ) throws {
    let configuration = Configuration(
      model: name, epochs: epochs, batchSize: text.batchSize, learningRate: learningRate, clipNorm: 1)
    let history = try fit(model, LanguageModelling(), configuration, text.dataset(sampling))
    model.evaluate()
    let points = history.epochs.map { (Double($0.epoch), $0.train.perplexity) }
    show("  \(epochs) epochs, \(Int(history.epochs.last?.examplesPerSecond ?? 0)) tokens/s")
    try judge(name, text, points) { text.text(try model.generate(text.indices($0), length: 50)) }
    if !isQuick && text.isWhole { expect("\(name): at most \(bound)", (points.last?.1 ?? .nan) <= bound) }
  }

  private func judge(
    _ name: String, _ text: Characters, _ points: [(Double, Double)], _ goOn: (String) throws -> String
  ) throws {
    let (first, last) = (points.first?.1 ?? .nan, points.last?.1 ?? .nan)
    expect("\(name): perplexity falls", last < 0.9 * first, "from \(first) to \(last)")
    try draw("perplexity-\(name.replacing(" ", with: "-"))", "epoch", "perplexity", [Curve("train", points)])
    for prefix in ["time traveller", "traveller"] {
      text.judge(self, name, try goOn(prefix), isTrained: last < 1.3)
    }
  }
}
