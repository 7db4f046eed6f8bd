import Kernels
import Tensors

/// A gradient as the product of two thin matrices, `P [n, r]` and `Q [r, m]`: the tensor's first axis is n, all others are m.
final class FactoredMatrix {
  let tensor: Tensor
  let feedback: ErrorFeedback
  let n, m, r: Int
  /// Where P and Q lie in the messages that carry those of all matrices.
  let columns, rows: Range<Int>
  /// This rank's gradient with what was carried over, then the product that all apply.
  private let memory: Tensor
  /// What the gradient is multiplied by: the last step's Q, and this one's once the step is taken (a warm start).
  private var known, next: Numbers<Float>
  /// Directions that this step's sum did not have.
  private var gone: [Int] = []
  private var draws = 0
  private var isTaken = false
  private let key: RandomKey

  /// Whether the factors of a tensor are fewer numbers than it has.
  static func pays(_ tensor: Tensor, rank: Int) -> Bool {
    guard tensor.rank >= 2, tensor.shape[0] > 0 else { return false }
    let (n, m) = (tensor.shape[0], tensor.elementCount / tensor.shape[0])
    return (n + m) * min(rank, n, m) < n * m
  }

  /// - Parameters:
  ///   - number: which one of the model's it is, the same on all ranks.
  ///   - columnsStart: where its P begins in the message of all; `rowsStart` likewise for Q.
  init(_ tensor: Tensor, rank: Int, number: Int, columnsStart: Int, rowsStart: Int) {
    self.tensor = tensor
    (n, m) = (tensor.shape[0], tensor.elementCount / tensor.shape[0])
    r = min(rank, n, m)
    (columns, rows) = (columnsStart..<columnsStart + n * r, rowsStart..<rowsStart + r * m)
    (memory, feedback) = (.zeros([n * m]), ErrorFeedback(count: n * m))
    (known, next) = (Numbers(count: r * m), Numbers(count: r * m))
    key = RandomKey(seed: 0x9D_5C_D0, layer: number)
    for row in 0..<r { draw(row, into: known) }
  }

  /// The same numbers on all ranks.
  private func draw(_ row: Int, into rows: Numbers<Float>) {
    for column in 0..<m {
      rows.values[row * m + column] = Float(key.bounded(1 << 20, draw: draws + column)) / 524_288 - 1
    }
    draws += m
  }

  /// `P = M Q`, of this rank.
  func project(into message: Numbers<Float>) throws {
    memory.reshaped(tensor.shape).assign(tensor.gradient ?? .zeros(tensor.shape))
    try memory.withFloats { values in
      feedback.add(to: values)
      guard let matrix = values.baseAddress, let rows = known.values.baseAddress,
        let target = message[columns].baseAddress
      else { return }
      FactorLoops.multiply(matrix, n, m, rows: rows, r, into: target)
    }
  }

  /// Makes the sum of all ranks' P orthogonal, then `Q = Pᵀ M` of this rank; what their product leaves out is carried over.
  func projectBack(_ sums: Numbers<Float>, into message: Numbers<Float>) throws {
    try memory.withFloats { values in
      guard let matrix = values.baseAddress, let columns = sums[self.columns].baseAddress,
        let rows = message[self.rows].baseAddress, let left = feedback.left.values.baseAddress
      else { return }
      gone = FactorLoops.orthogonalise(columns, n, r)
      FactorLoops.multiplyTransposed(columns, matrix, n, m, r, into: rows)
      left.update(from: matrix, count: n * m)
      FactorLoops.addProduct(columns, rows, n, m, r, times: -1, to: left)
    }
  }

  /// Leaves the tensor's gradient `P Q`, of the sums over all ranks.
  func finish(_ columnSums: Numbers<Float>, _ rowSums: Numbers<Float>) throws {
    try memory.withFloats { values in
      guard let matrix = values.baseAddress, let columns = columnSums[self.columns].baseAddress,
        let rows = rowSums[self.rows].baseAddress
      else { return }
      values.update(repeating: 0)
      FactorLoops.addProduct(columns, rows, n, m, r, times: 1, to: matrix)
      next.values.baseAddress?.update(from: rows, count: r * m)
    }
    for row in gone { draw(row, into: next) }
    tensor.gradient = memory.reshaped(tensor.shape)
    feedback.finish()
    isTaken = true
  }

  /// Takes over what the same tensor's factors remember under another arrangement.
  func carryOn(_ old: FactoredMatrix) {
    _ = feedback.carried.values.update(from: old.feedback.carried.values)
    _ = known.values.update(from: old.known.values)
  }

  /// A step begins: the one before was taken.
  func begin() {
    feedback.begin()
    if isTaken { swap(&known, &next) }
    isTaken = false
  }

  /// The step is not taken.
  func skip() {
    feedback.skip()
    isTaken = false
  }
}
