import Kernels

// Gradients of virtual shards are added in a tree, and what is added is often a matrix product. Where a strategy will add
// them, backward owes those products: the tree is then computed at once, and only its sum goes to memory.

/// Whether backward may owe what weights' gradients are, for whoever adds several of them.
public enum OwedGradients {
  @TaskLocal static var areWanted = false

  /// Runs `body`, a backward pass, with or without.
  public static func run<Result>(_ areWanted: Bool, _ body: () throws -> Result) rethrows -> Result {
    try $areWanted.withValue(areWanted, operation: body)
  }
}

/// Products of matrices that nobody has looked at yet.
indirect enum OwedProducts {
  /// One after the other, each going on from what the one before it came to.
  case chain([(left: Tensor, right: Tensor)])
  case sum(OwedProducts, OwedProducts)

  var factors: [Tensor] {
    switch self {
    case .chain(let pairs): pairs.flatMap { [$0.left, $0.right] }
    case .sum(let left, let right): left.factors + right.factors
    }
  }

  private func tree() throws -> ProductTree {
    switch self {
    case .chain(let pairs):
      .chain(
        try pairs.map {
          .init(try $0.left.operand(), try $0.right.operand(), inner: $0.left.shape[1])
        })
    case .sum(let left, let right): .sum(try left.tree(), try right.tree())
    }
  }

  func computed(_ shape: Shape, _ kernels: any Backend) throws -> Tensor {
    let result = try Tensor(uninitialized: shape, .float32)
    try tree().compute(rows: shape[0], columns: shape[1], into: result.pointer(), by: kernels)
    return result
  }
}

extension Tensor {
  /// The sum of products of float32 matrices, one chain through all of them, or one product of another type. Owed where
  /// somebody will add it to others. Not recorded.
  static func products(
    _ pairs: [(left: Tensor, right: Tensor)], _ shape: Shape, _ kernels: any Backend
  ) throws -> Tensor {
    if let (left, right) = pairs.first, left.dtype != .float32 { return try left.product(right, kernels) }
    let pairs = pairs.map { (left: $0.left.withUnitStride(), right: $0.right.withUnitStride()) }
    let isOwed = OwedGradients.areWanted && outweighs(shape, pairs)
    return try isOwed ? owed(.chain(pairs), shape, kernels) : OwedProducts.chain(pairs).computed(shape, kernels)
  }

  /// Whether a product takes much more memory than its factors: those of a recurrent layer's many steps had better be used while
  /// they are in the caches (an LSTM lost 6 % of its speed otherwise, where a perceptron gains a third).
  private static func outweighs(_ shape: Shape, _ pairs: [(left: Tensor, right: Tensor)]) -> Bool {
    shape.elementCount / 2 > pairs.reduce(0) { $0 + $1.left.elementCount + $1.right.elementCount }
  }

  private static func owed(_ products: OwedProducts, _ shape: Shape, _ kernels: any Backend) -> Tensor {
    let storage = Storage(owing: Debt(products, kernels) { try products.computed(shape, kernels) })
    OpenDebts.ofThread.add(storage)
    return Tensor(storage: storage, shape: shape, strides: shape.rowMajorStrides, offset: 0, dtype: .float32)
  }

  /// The sum with another of the same shape, if both are products that are owed: then so is the sum.
  public final func owingSum(with other: Tensor) -> Tensor? {
    guard let own = storage.debt?.products, let others = other.storage.debt?.products, shape == other.shape,
      isContiguous, other.isContiguous
    else { return nil }
    return .owed(.sum(own.products, others.products), shape, own.kernels)
  }

  /// What the products are made of that are owed; nil where nothing is.
  public final var owedFactors: [Tensor]? { storage.debt?.products?.products.factors }
}
