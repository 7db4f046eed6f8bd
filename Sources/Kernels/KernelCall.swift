/// What somebody asks a backend for, as far as its time depends on it: the shapes of a sum of products.
public enum KernelCall: Hashable, Sendable {
  /// One matrix product.
  case product(MatrixProduct)
  /// One pass of a convolution.
  case convolution(ConvolutionShape, ConvolutionPass)
  /// All products of attention's heads in one direction.
  case attention(AttentionProducts)

  /// How many numbers are multiplied with another; a convolution's with its padding, too.
  public var multiplications: Int {
    switch self {
    case .product(let product): product.rows * product.columns * product.inner
    case .convolution(let shape, _):
      shape.batch * shape.outHeight * shape.outWidth * shape.outChannels * (shape.inChannels / shape.groups)
        * shape.kernelHeight * shape.kernelWidth
    case .attention(let products):
      products.heads * products.pairs * (products.width + products.valueWidth) * (products.isGradient ? 2 : 1)
    }
  }
}

/// The shape of `[rows, inner] · [inner, columns]`.
public struct MatrixProduct: Hashable, Sendable {
  /// Of the result, and what is summed over.
  public var rows, columns, inner: Int
  /// Whether a factor lies in memory as its transpose.
  public var isLeftTransposed, isRightTransposed: Bool
  /// Whether the right factor is of weights, which backends keep in the form that they like.
  public var hasKeptFactor: Bool

  /// Row-major factors that are used once, unless said otherwise.
  public init(
    rows: Int, columns: Int, inner: Int, isLeftTransposed: Bool = false, isRightTransposed: Bool = false,
    hasKeptFactor: Bool = false
  ) {
    (self.rows, self.columns, self.inner) = (rows, columns, inner)
    (self.isLeftTransposed, self.isRightTransposed) = (isLeftTransposed, isRightTransposed)
    self.hasKeptFactor = hasKeptFactor
  }

  init(rows: Int, columns: Int, inner: Int, _ left: MatrixOperand, _ right: MatrixOperand) {
    self.init(
      rows: rows, columns: columns, inner: inner, isLeftTransposed: left.isTransposed,
      isRightTransposed: right.isTransposed, hasKeptFactor: right.packed != nil)
  }
}

/// Which of a convolution's arrays is computed.
public enum ConvolutionPass: Hashable, Sendable, CaseIterable {
  /// The output, or a gradient.
  case forward, inputGradient, weightsGradient
}

/// The products of attention: of queries and keys, of weights and values; and backward each product's two derivatives.
public struct AttentionProducts: Hashable, Sendable {
  /// Heads of all sequences together.
  public let heads: Int
  /// Of a head.
  public let queries, keys, width, valueWidth: Int
  /// Queries with the keys that they may see, of a head in the mean.
  public let pairs: Int
  /// Whether these are the derivatives'.
  public let isGradient: Bool

  init(_ shape: Attention, limits: UnsafePointer<Int32>, isGradient: Bool) {
    (queries, keys, width, valueWidth) = (shape.queries, shape.keys, shape.width, shape.valueWidth)
    heads = shape.batch * shape.heads
    let seen = (0..<shape.batch * shape.queries).reduce(0) { $0 + Int(limits[$1]) }
    pairs = seen / max(shape.batch, 1)
    self.isGradient = isGradient
  }
}

extension Recurrence {
  /// A step's product: of the state before with the weights, or of the gates' derivatives with them.
  func stepProduct(isGradient: Bool) -> KernelCall {
    .product(
      MatrixProduct(
        rows: batch, columns: isGradient ? hidden : gateWidth, inner: isGradient ? gateWidth : hidden,
        isRightTransposed: !isGradient, hasKeptFactor: true))
  }

  /// How many of them are needed: none for a state of zeros.
  func stepProductCount(_ inputs: Inputs) -> Int { inputs.hidden == nil ? steps - 1 : steps }
}

extension ProductTree {
  /// Each product of the tree.
  func calls(rows: Int, columns: Int) -> [KernelCall] {
    switch self {
    case .chain(let factors):
      factors.map {
        .product(MatrixProduct(rows: rows, columns: columns, inner: $0.inner, $0.left, $0.right))
      }
    case .sum(let left, let right):
      left.calls(rows: rows, columns: columns) + right.calls(rows: rows, columns: columns)
    }
  }
}
