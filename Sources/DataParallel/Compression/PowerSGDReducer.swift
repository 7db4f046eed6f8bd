import MessagePassing
import Tensors

/// Sums gradients over all ranks as products of thin matrices: of a gradient `[n, m]` travel `(n + m) · rank` numbers.
///
/// One step of the power method finds the sum's strongest directions, from those of the step before: `P = M Q` is summed over the
/// ranks and made orthogonal, then `Q = Pᵀ M` is summed, and all ranks apply `P Q`. What its own product leaves out of a rank's
/// gradient is added to its next one. Both sums are of thin matrices, so that an allreduce takes them. Tensors of one axis, and
/// those whose factors would be no fewer numbers, travel exactly. Source: Vogels, Karimireddy, Jaggi 2019.
public final class PowerSGDReducer: Reducer {
  private let communicator: Communicator
  private let rank: Int
  private let exact: GradientReducer
  private var tensors: [Tensor] = []
  private var matrices: [FactoredMatrix] = []
  private var columns = Numbers<Float>(count: 0)
  private var rows = Numbers<Float>(count: 0)
  private var request: Request?
  private var isUnderWay = false

  /// - Parameters:
  ///   - tensors: in the order of the network; every rank must pass the same.
  ///   - communicator: the ranks to sum over.
  ///   - rank: columns and rows of the factors, 1 at least.
  public init(_ tensors: [Tensor], over communicator: Communicator, rank: Int) throws {
    (self.communicator, self.rank) = (communicator, max(rank, 1))
    exact = try GradientReducer([], over: communicator)
    try arrange(tensors)
  }

  private func arrange(_ tensors: [Tensor]) throws {
    try tensors.requireFloats()
    // What tensors that are summed further on remember stays with them.
    let known = Dictionary(matrices.map { (ObjectIdentifier($0.tensor), $0) }) { first, _ in first }
    self.tensors = tensors
    matrices = []
    for tensor in tensors where FactoredMatrix.pays(tensor, rank: rank) {
      let matrix = FactoredMatrix(
        tensor, rank: rank, number: matrices.count, columnsStart: matrices.last?.columns.upperBound ?? 0,
        rowsStart: matrices.last?.rows.upperBound ?? 0)
      if let old = known[ObjectIdentifier(tensor)] { matrix.carryOn(old) }
      matrices.append(matrix)
    }
    columns = Numbers(count: matrices.last?.columns.upperBound ?? 0)
    rows = Numbers(count: matrices.last?.rows.upperBound ?? 0)
  }

  /// What tensors carry over.
  var carried: [ObjectIdentifier: [Float]] {
    let all = matrices.map { (ObjectIdentifier($0.tensor), Array($0.feedback.carried.values)) }
    return Dictionary(all) { first, _ in first }
  }

  public func begin(_ tensors: [Tensor]) throws {
    if isUnderWay {
      throw TensorError.stepLeftSums
    }
    for matrix in matrices { matrix.begin() }
    if !tensors.areSame(as: self.tensors) { try arrange(tensors) }
    let factored = Set(matrices.map { ObjectIdentifier($0.tensor) })
    try exact.begin(tensors.filter { !factored.contains(ObjectIdentifier($0)) })
  }

  /// The factors of all gradients travel together, after the last of them.
  public func gradientReady(_ tensor: Tensor) {}

  public func complete() throws {
    isUnderWay = true
    for matrix in matrices { try matrix.project(into: columns) }
    request = try communicator.startAllReduce(columns.values, owner: columns)
    try exact.complete()
  }

  public func finish() throws {
    try request?.wait()
    for matrix in matrices { try matrix.projectBack(columns, into: rows) }
    request = try communicator.startAllReduce(rows.values, owner: rows)
    try exact.finish()
    try request?.wait()
    request = nil
    for matrix in matrices { try matrix.finish(columns, rows) }
    isUnderWay = false
  }

  public func skip() { for matrix in matrices { matrix.skip() } }
}
