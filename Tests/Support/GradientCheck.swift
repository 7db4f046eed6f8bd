import Tensors
import Testing

/// Compares a gradient with central differences along random directions, as HIPS/autograd's `test_util` does: for
/// `f(x) = Σ w · operation(x)` with random w, `(f(x + h d) - f(x - h d)) / 2h` must equal `gradient · d`.
///
/// - Parameters:
///   - step: h; float64 allows a small one, float32 operations need a larger.
///   - tolerance: relative to the magnitude of `gradient · d`'s terms.
func checkGradient(
  _ inputs: [Tensor], step: Double = 1e-5, tolerance: Double = 1e-7, _ what: String = "",
  _ operation: ([Tensor]) throws -> Tensor, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let leaves = inputs.map { $0.detached().requiringGradient() }
  let output = try operation(leaves)
  let weights = Tensor.normal(output.shape, key: RandomKey(seed: 1)).to(output.dtype)
  try output.backward(gradient: weights)

  func objective(_ direction: [Tensor], _ amount: Double) throws -> Double {
    let moved = zip(inputs, direction).map { $0 + $1 * amount }
    return try withoutGradient { try (operation(moved).to(.float64) * weights.to(.float64)).sum().item() }
  }

  for trial in 0..<3 {
    let direction = inputs.enumerated().map { index, input in
      Tensor.normal(input.shape, key: RandomKey(seed: 2, layer: index, time: trial)).to(input.dtype)
    }
    let numeric = (try objective(direction, step) - objective(direction, -step)) / (2 * step)
    var (analytic, magnitude) = (0.0, 1.0)
    for (leaf, toward) in zip(leaves, direction) {
      let gradient = try #require(leaf.gradient, "\(what)", sourceLocation: sourceLocation)
      #expect(gradient.shape == leaf.shape && gradient.dtype == leaf.dtype, "\(what)", sourceLocation: sourceLocation)
      let terms = (gradient * toward).to(.float64)
      analytic += try terms.sum().item()
      magnitude += try terms.abs().sum().item()
    }
    #expect(
      abs(numeric - analytic) <= tolerance * magnitude, "\(what): differences \(numeric), gradient \(analytic)",
      sourceLocation: sourceLocation)
  }
}

/// Random tensors, and views that give an operation other layouts than plain rows.
enum Layouts {
  /// Normal numbers, float64 unless said otherwise.
  static func normal(_ shape: Shape, seed: UInt64 = 0, _ dtype: DType = .float64) throws -> Tensor {
    Tensor.normal(shape, key: RandomKey(seed: seed, layer: shape.elementCount)).to(dtype)
  }

  struct View: Sendable {
    let name: String
    /// The shape of the leaf behind the view.
    let leaf: Shape
    let make: @Sendable (Tensor) throws -> Tensor
  }

  /// Matrices `[3, 4]` in several layouts, batches of images `[2, 3, 2, 4]` with the channels last, and a batch of zero.
  static let views: [View] = [
    View(name: "plain", leaf: [3, 4]) { $0 },
    View(name: "transposed", leaf: [4, 3]) { $0.transposed() },
    View(name: "every second column", leaf: [3, 8]) { $0[.all, .every(2, from: 1)] },
    View(name: "a row repeated", leaf: [1, 4]) { $0.expanded(to: [3, 4]) },
    View(name: "channels last", leaf: [2, 2, 4, 3]) { $0.permuted([0, 3, 1, 2]) },
    View(name: "a batch of zero", leaf: [0, 4]) { $0 },
  ]

  /// A pair of small random shapes that broadcast, of rank up to 4.
  static func broadcastingPair(seed: Int) -> (Shape, Shape) {
    let key = RandomKey(seed: 99, sample: seed)
    let extents = (0..<key.bounded(5, draw: 0)).map {
      key.bounded(4, draw: 1 + $0) + (key.bounded(8, draw: 9) == 0 ? 0 : 1)
    }
    func narrowed(_ salt: Int) -> Shape {
      let kept = extents.suffix(max(extents.count - key.bounded(3, draw: salt), 0))
      return Shape(kept.enumerated().map { key.bounded(3, draw: salt + 1 + $0) == 0 ? 1 : $1 })
    }
    return (narrowed(20), Shape(extents))
  }
}
