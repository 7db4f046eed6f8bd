import Lockstep

/// Chapter 9.1: gated recurrent units, from scratch and concise.
func gatedRecurrentChapter(_ page: Page, _ text: Characters) {
  let count = text.vocabulary.count
  let model = ScratchModel(
    vocabulary: count, hidden: 256, parameters: scratchParameters(vocabulary: count, hidden: 256, gates: 3),
    cell: gru)
  // PyTorch resets the product with the state, the book the state: the same where there is none yet.
  let order = [1, 0, 2]
  let tokens = text.batches(epoch: 0, isRandom: true)[0].x
  let first = tokens[.all, ..<1].copy()
  model.expectSame(
    page, "the library's layer, step 1", as: model.library(.gru, gates: order, page), gates: order, first)
  page.show("  the book resets the state before the product with it, PyTorch behind it")
  page.train(
    "gru from scratch", model, text, epochs: text.epochs(page, quick: 2, full: 500), perplexity: 1.2)
  let concise = LanguageModel(Recurrent(.gru, count, 256), vocabulary: count)
  page.train("gru", concise, text, epochs: text.epochs(page, quick: 3, full: 500), perplexity: 1.2)
}

/// The notes' `gru`: Z keeps the state, R resets it for the candidate.
private func gru(
  _ inputs: Tensor, _ states: [Tensor], _ p: [Tensor]
) -> (outputs: Tensor, states: [Tensor]) {
  var h = states[0]
  let outputs = (0..<inputs.shape[0]).map { step in
    let x = inputs[step]
    let z = (x.matmul(p[0]) + h.matmul(p[1]) + p[2]).sigmoid()
    let r = (x.matmul(p[3]) + h.matmul(p[4]) + p[5]).sigmoid()
    let candidate = (x.matmul(p[6]) + (r * h).matmul(p[7]) + p[8]).tanh()
    h = z * h + (1 - z) * candidate
    return h.matmul(p[9]) + p[10]
  }
  return (.concatenate(outputs), [h])
}

/// Chapter 9.2: long short-term memory, from scratch and concise.
func longShortTermMemoryChapter(_ page: Page, _ text: Characters) {
  let count = text.vocabulary.count
  let model = ScratchModel(
    vocabulary: count, hidden: 256, parameters: scratchParameters(vocabulary: count, hidden: 256, gates: 4),
    stateCount: 2, cell: lstm)
  // The notes' gates are input, forget, output and candidate; PyTorch's candidate comes third.
  let order = [0, 1, 3, 2]
  let tokens = text.batches(epoch: 0, isRandom: true)[0].x
  model.expectSame(page, "the library's layer", as: model.library(.lstm, gates: order, page), gates: order, tokens)
  page.train(
    "lstm from scratch", model, text, epochs: text.epochs(page, quick: 2, full: 500), perplexity: 1.4)
  let concise = LanguageModel(Recurrent(.lstm, count, 256), vocabulary: count)
  page.train("lstm", concise, text, epochs: text.epochs(page, quick: 3, full: 500), perplexity: 1.4)
}

/// The notes' `lstm`: the memory C goes on through the forget gate, the state H shows of it what the output gate lets.
private func lstm(
  _ inputs: Tensor, _ states: [Tensor], _ p: [Tensor]
) -> (outputs: Tensor, states: [Tensor]) {
  var (h, c) = (states[0], states[1])
  let outputs = (0..<inputs.shape[0]).map { step in
    let x = inputs[step]
    let i = (x.matmul(p[0]) + h.matmul(p[1]) + p[2]).sigmoid()
    let f = (x.matmul(p[3]) + h.matmul(p[4]) + p[5]).sigmoid()
    let o = (x.matmul(p[6]) + h.matmul(p[7]) + p[8]).sigmoid()
    let candidate = (x.matmul(p[9]) + h.matmul(p[10]) + p[11]).tanh()
    c = f * c + i * candidate
    h = o * c.tanh()
    return h.matmul(p[12]) + p[13]
  }
  return (.concatenate(outputs), [h, c])
}

/// Chapter 9.3: two layers of long short-term memory.
func deepRecurrentChapter(_ page: Page, _ text: Characters) {
  let count = text.vocabulary.count
  let layers = Recurrent(.lstm, count, 256, layers: 2)
  let (y, state) = layers.run(text.batches(epoch: 0, isRandom: true)[0].x.transposed())
  let batch = text.batchSize
  page.expect(
    "a state for each layer", y.shape == [35, batch, 256] && state.hidden.shape == [2, batch, 256],
    "\(y.shape), \(state.hidden.shape)")
  page.compare("the outputs are the last layer's states", (y[-1] - state.hidden[-1]).abs().max(), notes: [0])
  let model = LanguageModel(layers, vocabulary: count)
  page.train(
    "deep lstm", model, text, epochs: text.epochs(page, quick: 2, full: 500), learningRate: 2, perplexity: 1.2)
}

/// Chapter 9.4: why a network that sees the future is no language model.
func bidirectionalChapter(_ page: Page, _ text: Characters) {
  let count = text.vocabulary.count
  let layers = Recurrent(.lstm, count, 256, layers: 2, isBidirectional: true)
  let (y, state) = layers.run(text.batches(epoch: 0, isRandom: true)[0].x.transposed())
  let batch = text.batchSize
  page.expect(
    "both directions side by side", y.shape == [35, batch, 512] && state.hidden.shape == [4, batch, 256],
    "\(y.shape), \(state.hidden.shape)")
  let model = LanguageModel(layers, vocabulary: count)
  page.expect(
    "the layer above sees both", model.tensor(named: "rnn.weight_ih_l1_reverse")?.shape == [1024, 512])

  let epochs = text.epochs(page, quick: 1, full: 120)
  let configuration = Configuration(
    model: "bidirectional", epochs: epochs, batchSize: text.batchSize, learningRate: 1, clipNorm: 1)
  let history = page.fit(model, LanguageModelling(), configuration, text.dataset(.sequential))
  model.evaluate()
  let perplexities = history.epochs.map(\.train.perplexity)
  page.show("  perplexity \(perplexities.last ?? .nan) after \(epochs) epochs; the notes train 500")
  let written = page.written(by: model, text, "time traveller", 50)
  page.show("  \(written)")
  guard !page.isQuick, text.isWhole else { return }
  let last = perplexities.last ?? .nan
  page.expect("it looks better than any other: at most 1.5 after so few epochs", last <= 1.5, "\(last)")
  page.expect(
    "yet it can't go on with a text, whose future it lacks", text.shareOfWords(written) < 0.6,
    "share of the book's words \(text.shareOfWords(written))")
}
