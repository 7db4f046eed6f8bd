/// What is asked of a kernel, where several compute the same: a pass of a convolution, or a matrix product.
public struct KernelProblem: Hashable, Sendable, Codable {
  /// Which operation.
  public enum Kind: String, Sendable, Codable {
    /// A convolution's passes.
    case forward, inputGradient, weightsGradient
    /// A matrix product.
    case product
  }
  /// Which operation.
  public let kind: Kind
  /// Its sizes. Those of a convolution leave the batch out: a layer is computed by one kernel in all batches, the last and short
  /// ones and those of an evaluation included.
  public let extents: [Int]

  /// A pass of a convolution by one of the methods that the options allow.
  init(_ kind: Kind, _ shape: ConvolutionShape, _ method: ConvolutionMethod) {
    self.kind = kind
    extents =
      [
        shape.inChannels, shape.inHeight, shape.inWidth, shape.outChannels, shape.kernelHeight, shape.kernelWidth,
        shape.stride[0], shape.stride[1], shape.padding[0], shape.padding[1], shape.dilation[0], shape.dilation[1],
        shape.groups, shape.inLayout == .blocked ? 1 : 0, shape.outLayout == .blocked ? 1 : 0,
        method == .direct ? 1 : 0,
      ]
  }

  /// A product of so many rows, columns and numbers between them. Extents are rounded to one or two of their first bits, so that
  /// ranks whose shards differ by a sample ask for the same.
  init(rows: Int, columns: Int, inner: Int, _ left: MatrixOperand, _ right: MatrixOperand) {
    kind = .product
    extents = [
      Self.rounded(rows), Self.rounded(columns), Self.rounded(inner), left.isTransposed ? 1 : 0,
      right.isTransposed ? 1 : 0,
    ]
  }

  /// Up to the next of 1, 2, 3, 4, 6, 8, 12, 16, 24 …
  static func rounded(_ extent: Int) -> Int {
    var power = 1
    while power < extent && power < 1 << 60 { power *= 2 }
    return extent <= power / 4 * 3 ? power / 4 * 3 : power
  }

  /// The convolution again, of so many images; nil for a product.
  func shape(batch: Int) -> ConvolutionShape? {
    guard kind != .product, extents.count == 16 else { return nil }
    return ConvolutionShape(
      batch: batch, inChannels: extents[0], inHeight: extents[1], inWidth: extents[2], outChannels: extents[3],
      kernelHeight: extents[4], kernelWidth: extents[5], stride: [extents[6], extents[7]],
      padding: [extents[8], extents[9]], dilation: [extents[10], extents[11]], groups: extents[12],
      inLayout: extents[13] == 1 ? .blocked : .channelsLast, outLayout: extents[14] == 1 ? .blocked : .channelsLast)
  }

  /// The method by which a convolution may be computed.
  var method: ConvolutionMethod { kind != .product && extents.last == 1 ? .direct : .automatic }

  /// Of so many images, how many are enough to tell which kernel is the fastest: some milliseconds' work, and so many pixels that
  /// packing the weights weighs no more than it does in the whole batch. 1 for a product.
  public func trialBatch(of batch: Int) -> Int {
    guard let one = shape(batch: 1) else { return 1 }
    let pixels = max(one.outHeight * one.outWidth, 1)
    let work = max(one.multiplications, 1)
    let enough = max((1 << 26) / work, 512 / pixels, 1)
    var power = 1
    while power * 2 <= min(batch, enough) { power *= 2 }
    return power
  }
}

extension ConvolutionShape {
  /// Pairs of a number of the output and a weight.
  var multiplications: Int {
    batch * outHeight * outWidth * outChannels * (inChannels / groups) * kernelHeight * kernelWidth
  }
}

/// A kernel for a problem.
public enum KernelChoice: String, Sendable, Codable {
  /// Our own, in the order of the definition.
  case native
  /// Our own by Winograd.
  case winograd
  /// oneDNN's, by its own rules.
  case onednn
}

/// A problem with the kernel that is the fastest on a machine, and with how many images that was found.
public struct KernelPlan: Sendable, Codable, Equatable {
  /// What is asked for.
  public let problem: KernelProblem
  /// `KernelProblem.trialBatch` of the batch that was asked for.
  public let batch: Int
  /// What computes it.
  public let choice: KernelChoice

  /// As it was found.
  public init(_ problem: KernelProblem, batch: Int, _ choice: KernelChoice) {
    (self.problem, self.batch, self.choice) = (problem, batch, choice)
  }
}
