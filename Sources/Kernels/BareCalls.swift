import Failures

/// One shape of a sum of products with memory of its own.
protocol BareCall {
  /// What is no part of the sum where its memory could have been so before.
  var preparation: Set<KernelWork> { get }
  func run() throws
}

extension BareCall {
  /// The least that a run takes, its preparation left out; after one that is not counted, unless that one is far above
  /// what another needs.
  func seconds(_ meter: SelfTimes, unlessAbove limit: Double?) throws -> Double {
    let start = monotonicNanoseconds()
    var least = try once(meter)
    if let limit, least > 3 * limit { return least }
    var runs = 0
    repeat {
      least = min(least, try once(meter))
      runs += 1
    } while runs < 3 || runs < 50 && monotonicNanoseconds() - start < 20_000_000
    return least
  }

  private func once(_ meter: SelfTimes) throws -> Double {
    meter.clear()
    let start = monotonicNanoseconds()
    try run()
    let all = monotonicNanoseconds() - start
    return Double(max(all - preparation.reduce(0) { $0 + meter.nanoseconds(of: $1) }, 1)) * 1e-9
  }
}

struct BareProduct: BareCall {
  private let product: MatrixProduct
  private let kernels: any Backend
  private let left, right, result: BareMemory

  init(_ product: MatrixProduct, by kernels: any Backend) {
    (self.product, self.kernels) = (product, kernels)
    left = BareMemory(product.rows * product.inner)
    right = BareMemory(product.inner * product.columns)
    result = BareMemory(product.rows * product.columns)
  }

  var preparation: Set<KernelWork> { product.hasKeptFactor ? [.packing] : [] }

  func run() throws {
    let (rows, columns, inner) = (product.rows, product.columns, product.inner)
    let left = MatrixOperand(
      left.floats, isTransposed: product.isLeftTransposed, rowStride: max(product.isLeftTransposed ? rows : inner, 1))
    let right = MatrixOperand(
      right.floats, isTransposed: product.isRightTransposed,
      rowStride: max(product.isRightTransposed ? inner : columns, 1))
    guard product.hasKeptFactor else {
      return try kernels.multiply(
        rows: rows, columns: columns, inner: inner, left, right, into: result.floats, accumulating: false)
    }
    try kernels.withFactor(MatrixFactor(right, inner: inner, columns: columns), uses: 4) {
      try kernels.multiply(rows: rows, left, $0, into: result.floats, accumulating: false)
    }
  }
}

struct BareConvolution: BareCall {
  private let shape: ConvolutionShape
  private let pass: ConvolutionPass
  private let kernels: any Backend
  private let input, weights, output: BareMemory
  private let packed = PackedWeights()

  init(_ shape: ConvolutionShape, _ pass: ConvolutionPass, _ layout: ImageLayout, by kernels: any Backend) {
    var shape = shape
    (shape.inLayout, shape.outLayout) = (layout, layout)
    (self.shape, self.pass, self.kernels) = (shape, pass, kernels)
    input = BareMemory(shape.input.elementCount(layout))
    weights = BareMemory(shape.weightExtents.reduce(1, *))
    output = BareMemory(shape.output.elementCount(layout))
  }

  var preparation: Set<KernelWork> { [.packing, .reorder] }

  func run() throws {
    switch pass {
    case .forward:
      try kernels.convolve(
        shape, input: input.floats, weights: Weights(weights.floats, packed: packed), bias: nil, output: output.floats,
        thenReLU: false)
    case .inputGradient:
      try kernels.convolutionInputGradient(
        shape, outputGradient: output.floats, weights: Weights(weights.floats, packed: packed),
        inputGradient: input.floats)
    case .weightsGradient:
      try kernels.convolutionWeightsGradient(
        shape, input: input.floats, outputGradient: output.floats, weightsGradient: weights.floats, biasGradient: nil)
    }
  }
}

/// Numbers of ordinary size.
final class BareMemory {
  let floats: Floats

  init(_ count: Int) {
    let count = max(count, 16)
    floats = UnsafeMutableRawPointer.allocate(byteCount: count * MemoryLayout<Float>.stride, alignment: 64)
      .assumingMemoryBound(to: Float.self)
    var filled = min(count, 1009)
    for i in 0..<filled { floats[i] = Float(i % 17) / 16 - 0.5 }
    while filled < count {
      let more = min(filled, count - filled)
      (floats + filled).update(from: floats, count: more)
      filled += more
    }
  }

  deinit { floats.deallocate() }
}

/// Adds up what each kind of work takes by itself, without other work inside of it. Used by one thread.
final class SelfTimes: KernelMeter, @unchecked Sendable {
  private var spent: [KernelWork: Int] = [:]
  private var stack: [KernelWork] = []
  private var last = 0

  func nanoseconds(of work: KernelWork) -> Int { spent[work] ?? 0 }

  func clear() { spent = [:] }

  func begins(_ work: KernelWork) {
    lap()
    stack.append(work)
  }

  func ends() {
    lap()
    stack.removeLast()
  }

  func isAsked(for call: KernelCall, times: Int) {}

  private func lap() {
    let now = monotonicNanoseconds()
    if let work = stack.last { spent[work, default: 0] += now - last }
    last = now
  }
}
