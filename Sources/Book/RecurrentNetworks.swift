import Foundation
import Lockstep

/// Chapter 8.5: a recurrent network from scratch.
func recurrentScratchChapter(_ page: Page, _ text: Characters) {
  let count = text.vocabulary.count
  let two = oneHot(Tensor([0, 2] as [Int64]), 28)
  page.expect(
    "0 and 2 one-hot", page.numbers(two.argmax(1)) == [0, 2] && page.number(two.sum()) == 2, "\(two.shape)")
  let x = Tensor.arange(10).reshaped([2, 5])
  page.expect("steps come first", oneHot(x.transposed(), 28).shape == [5, 2, 28])

  let wide = elmanModel(vocabulary: count, hidden: 512)
  let (y, states) = wide(x, wide.begin(2))
  page.expect(
    "shapes of outputs and state", y.shape == [10, count] && states.map(\.shape) == [[2, 512]],
    "\(y.shape), \(states.map(\.shape))")
  page.show("  untrained: \(text.text(page.tokens(wide.predict(text.indices("time traveller "), 10))))")
  clipping(page, wide, x)

  let model = elmanModel(vocabulary: count, hidden: 256)
  let tokens = text.batches(epoch: 0, isRandom: true)[0].x
  model.expectSame(page, "the library's layer", as: model.library(.elman, gates: [0], page), gates: [0], tokens)
  let epochs = text.epochs(page, quick: 3, full: 500)
  page.train("rnn from scratch", model, text, epochs: epochs, perplexity: 1.5)
  let other = elmanModel(vocabulary: count, hidden: 256)
  page.train("rnn in random order", other, text, epochs: epochs, perplexity: 2, isRandom: true)
}

private func elmanModel(vocabulary: Int, hidden: Int) -> ScratchModel {
  ScratchModel(
    vocabulary: vocabulary, hidden: hidden,
    parameters: scratchParameters(vocabulary: vocabulary, hidden: hidden, gates: 1), cell: elman)
}

/// The notes' `rnn`: `H = tanh(X W + H U + b)`, step by step.
private func elman(
  _ inputs: Tensor, _ states: [Tensor], _ parameters: [Tensor]
) -> (outputs: Tensor, states: [Tensor]) {
  let (wxh, whh, bh, whq, bq) = (parameters[0], parameters[1], parameters[2], parameters[3], parameters[4])
  var h = states[0]
  let outputs = (0..<inputs.shape[0]).map { step in
    h = (inputs[step].matmul(wxh) + h.matmul(whh) + bh).tanh()
    return h.matmul(whq) + bq
  }
  return (.concatenate(outputs), [h])
}

private func clipping(_ page: Page, _ model: ScratchModel, _ x: Tensor) {
  func norm() -> Tensor { model.parameters.reduce(Tensor.zeros([])) { $0 + $1.derivative.pow(2).sum() }.sqrt() }
  page.backward((model(x, model.begin(2)).outputs * 100).pow(2).sum())
  let before = page.number(norm())
  gradientClipping(model.parameters, 1)
  page.compare("norm of clipped gradients, \(before) before", norm(), notes: 1, within: 1e-4)
  for parameter in model.parameters { parameter.gradient = nil }
}

/// Chapter 8.6: the same, concise.
func recurrentChapter(_ page: Page, _ text: Characters) {
  let (count, batch) = (text.vocabulary.count, 32)
  let layer = Recurrent(.elman, count, 256)
  let zeros = RecurrentState(hidden: Tensor.zeros([1, batch, 256]))
  let (y, state) = layer.run(Tensor.uniform([35, batch, count], key: RandomKey(seed: 0)), from: zeros)
  page.expect(
    "shapes of outputs and state", y.shape == [35, 32, 256] && state.hidden.shape == [1, 32, 256],
    "\(y.shape), \(state.hidden.shape)")
  let model = LanguageModel(layer, vocabulary: count)
  page.show("  untrained: \(page.written(by: model, text, "time traveller", 10))")
  let epochs = text.epochs(page, quick: 3, full: 500)
  page.train("rnn", model, text, epochs: epochs, perplexity: 1.5)
  let other = LanguageModel(Recurrent(.elman, count, 256), vocabulary: count)
  page.train("rnn random", other, text, epochs: epochs, perplexity: 2, sampling: .random)
}
