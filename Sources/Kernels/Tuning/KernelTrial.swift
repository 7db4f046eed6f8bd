import Failures

/// Runs the kernels that there are for a problem in turn, on numbers that are no one's, and tells which is the fastest.
struct KernelTrial {
  private let problem: KernelProblem
  private let options: KernelOptions
  private let batch: Int
  /// The first is what the rule would take.
  let candidates: [KernelChoice]

  /// Rounds that count; one before them compiles kernels and fills caches.
  private static let rounds = 3
  /// Another kernel than the rule's must be so much faster: what lies within the noise would be another choice each time.
  private static let margin = 0.95

  init(_ problem: KernelProblem, batch: Int, _ options: KernelOptions) {
    (self.problem, self.batch, self.options) = (problem, batch, options)
    guard let shape = problem.shape(batch: batch) else {
      candidates = [.native, .onednn]
      return
    }
    let native = Native(KernelOptions(convolution: problem.method))
    let own: [KernelChoice] = native.fitsWinograd(shape) ? [.native, .winograd] : [.native]
    candidates = (native.usesWinograd(shape) ? own.reversed() : own) + [.onednn]
  }

  /// The fastest by the least of its times.
  func fastest() -> KernelChoice {
    let memory = TrialMemory(problem, batch: batch)
    var times: [KernelChoice: Int] = [:]
    var slow: Set<KernelChoice> = []
    for round in 0...Self.rounds {
      for choice in candidates where !slow.contains(choice) {
        let begin = monotonicNanoseconds()
        guard (try? memory.run(choice.backend(options))) != nil else {
          // A kernel that the library lacks for this shape.
          slow.insert(choice)
          times[choice] = nil
          continue
        }
        let time = monotonicNanoseconds() - begin
        if round > 0 { times[choice] = min(times[choice] ?? .max, time) }
      }
      // What is far behind won't come first.
      let least = times.values.min() ?? 0
      for (choice, time) in times where time > 2 * least { slow.insert(choice) }
    }
    let usual = candidates[0]
    guard let best = times.min(by: { $0.value < $1.value }), let time = times[usual] else { return usual }
    return Double(best.value) < Self.margin * Double(time) ? best.key : usual
  }
}

extension KernelProblem {
  /// The kernel that is the fastest for this in so many images, measured here and now: some milliseconds.
  public func fastest(batch: Int, _ options: KernelOptions) -> KernelChoice {
    options.run { KernelTrial(self, batch: batch, options).fastest() }
  }
}

extension KernelChoice {
  /// What computes so; of a convolution that `options` want direct, no other way.
  func backend(_ options: KernelOptions) -> any Backend {
    switch self {
    case .native: Native(KernelOptions(convolution: .direct))
    case .winograd: Native(KernelOptions(), forcesWinograd: true)
    case .onednn: OneDNN(KernelOptions(backend: .onednn, convolution: options.convolution, threads: options.threads))
    }
  }
}

/// What a trial computes with.
private final class TrialMemory {
  private let problem: KernelProblem
  private let shape: ConvolutionShape?
  /// Rows, columns and the numbers between them of a product.
  private let extents: [Int]
  /// Input, weights and output of a convolution; left factor, right factor and result of a product.
  private let buffers: [UnsafeMutableBufferPointer<Float>]

  init(_ problem: KernelProblem, batch: Int) {
    self.problem = problem
    shape = problem.shape(batch: batch)
    extents = shape == nil ? Self.shortened(problem.extents) : []
    let counts =
      shape.map {
        [$0.input.elementCount($0.inLayout), $0.weightExtents.reduce(1, *), $0.output.elementCount($0.outLayout)]
      } ?? [extents[0] * extents[2], extents[2] * extents[1], extents[0] * extents[1]]
    buffers = counts.map { .allocate(capacity: max($0, 1)) }
    // Of ordinary size: numbers too small for a float's exponent take processors many times as long.
    for buffer in buffers {
      for index in buffer.indices { buffer.initializeElement(at: index, to: Float(index % 7) - 3) }
    }
  }

  /// A product of some milliseconds: what is longest is cut until then.
  private static func shortened(_ extents: [Int]) -> [Int] {
    var extents = Array(extents.prefix(3))
    while extents.reduce(1, *) > 1 << 27, let longest = extents.indices.max(by: { extents[$0] < extents[$1] }) {
      extents[longest] /= 2
    }
    return extents
  }

  deinit { for buffer in buffers { buffer.deallocate() } }

  func run(_ kernels: any Backend) throws {
    guard let left = buffers[0].baseAddress, let right = buffers[1].baseAddress, let result = buffers[2].baseAddress
    else { return }
    guard let shape else {
      let (rows, columns, inner) = (extents[0], extents[1], extents[2])
      let (leftTurns, rightTurns) = (problem.extents[3] == 1, problem.extents[4] == 1)
      return try kernels.multiply(
        rows: rows, columns: columns, inner: inner,
        MatrixOperand(left, isTransposed: leftTurns, rowStride: leftTurns ? rows : inner),
        MatrixOperand(right, isTransposed: rightTurns, rowStride: rightTurns ? inner : columns), into: result,
        accumulating: false)
    }
    switch problem.kind {
    case .forward:
      try kernels.convolve(
        shape, input: left, weights: Weights(right), bias: nil, output: result, thenReLU: false)
    case .inputGradient:
      try kernels.convolutionInputGradient(shape, outputGradient: result, weights: Weights(right), inputGradient: left)
    case .weightsGradient:
      try kernels.convolutionWeightsGradient(
        shape, input: left, outputGradient: result, weightsGradient: right, biasGradient: nil)
    case .product: break
    }
  }
}
