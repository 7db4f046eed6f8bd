import Networks
import Tensors

/// The keys and values of the steps so far, in memory for all that there can be: a new step is written to its place, and
/// nothing is copied.
final class KeyValueCache {
  private var keys, values: Tensor?
  private let capacity: Int
  /// How many there are.
  private(set) var steps = 0

  init(capacity: Int) { self.capacity = capacity }

  /// Takes those of further steps, `[batch, heads, steps, width]`; all of them.
  func append(keys new: Tensor, values newValues: Tensor) -> (keys: Tensor, values: Tensor) {
    let (batch, heads, count, width) = (new.shape[0], new.shape[1], new.shape[2], new.shape[3])
    let keys = self.keys ?? .zeros([batch, heads, capacity, width])
    let values = self.values ?? .zeros([batch, heads, capacity, width])
    let end = steps + count
    keys[.all, .all, steps..<end].assign(new)
    values[.all, .all, steps..<end].assign(newValues)
    (self.keys, self.values, steps) = (keys, values, end)
    return (keys[.all, .all, 0..<end], values[.all, .all, 0..<end])
  }

  func removeAll() { steps = 0 }
}

/// Reads a text with a cache of keys and values. Once the text is longer than the context, the window slides: each token has
/// another position then, so that all of the window is read again, as by nanoGPT's `generate`.
final class GPTReader: TextReader {
  private let model: GPT
  private let caches: [KeyValueCache]
  /// The text, as far as it may be needed again.
  private var window: [Int] = []

  init(_ model: GPT) {
    self.model = model
    caches = (0..<model.layers).map { _ in KeyValueCache(capacity: model.context) }
  }

  func read(_ tokens: [Int]) -> Tensor {
    var next = tokens
    window += tokens
    if window.count > model.context {
      window = window.suffix(model.context)
      for cache in caches { cache.removeAll() }
      next = window
    }
    return withoutGradient { model.read(Tensor([next.map(Int64.init)]), after: caches) }
  }
}
