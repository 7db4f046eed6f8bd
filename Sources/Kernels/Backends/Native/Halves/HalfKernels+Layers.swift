import CVectors

/// Batch normalisation, whose statistics are float32 and wider.
extension HalfKernels {
  /// Mean and sum of squared deviations of each channel. Sums are of differences from the first row, as in `ChannelLoops`.
  public func moments(_ batch: NormalizedBatch, _ input: ConstantHalves) -> (mean: [Double], deviations: [Double]) {
    let zeros = [Double](repeating: 0, count: batch.channels)
    if batch.rows == 0 { return (zeros, zeros) }
    let kernels = kernels
    var origin = [Float](repeating: 0, count: batch.channels)
    kernels.widen(input, &origin, batch.channels)
    let sums = added(batch) { rows, first, sums, squares in
      withUnsafePointer(to: rows) { kernels.moments($0, input + first, origin, sums, squares) }
    }
    var (mean, deviations) = (zeros, zeros)
    for channel in 0..<batch.channels {
      let shift = sums.0[channel] / Double(batch.rows)
      mean[channel] = Double(origin[channel]) + shift
      deviations[channel] = max(0, sums.1[channel] - shift * sums.0[channel])
    }
    return (mean, deviations)
  }

  /// The sum of each channel.
  func sums(_ batch: NormalizedBatch, _ input: ConstantHalves) -> [Double] {
    let (kernels, origin) = (kernels, [Float](repeating: 0, count: batch.channels))
    return added(batch) { rows, first, sums, squares in
      withUnsafePointer(to: rows) { kernels.moments($0, input + first, origin, sums, squares) }
    }.0
  }

  /// `output = input · scale + shift` per channel, and `max(0, ·)` of it where a ReLU follows.
  public func normalize(
    _ batch: NormalizedBatch, _ input: ConstantHalves, _ affine: ChannelAffine, output: Halves
  ) {
    let kernels = kernels
    share(batch) { rows, first in
      withUnsafePointer(to: rows) {
        kernels.normalize($0, input + first, affine.scale, affine.shift, affine.cuts, output + first)
      }
    }
  }

  /// Per channel, the sum of the output's gradient, and of its products with `input - mean`, of what passed the ReLU.
  public func normalizationSums(
    _ batch: NormalizedBatch, _ input: ConstantHalves, _ gradient: ConstantHalves, mean: [Float],
    _ affine: ChannelAffine
  ) -> (gradient: [Double], product: [Double]) {
    let kernels = kernels
    return added(batch) { rows, first, sums, products in
      withUnsafePointer(to: rows) {
        kernels.sums(
          $0, input + first, gradient + first, mean, affine.scale, affine.shift, affine.cuts, sums, products)
      }
    }
  }

  /// `result = gradient · a + input · b + c` per channel, of what passed the ReLU where one followed.
  public func normalizationGradient(
    _ batch: NormalizedBatch, _ input: ConstantHalves, _ gradient: ConstantHalves, a: [Float], b: [Float], c: [Float],
    _ affine: ChannelAffine, result: Halves
  ) {
    let kernels = kernels
    share(batch) { rows, first in
      withUnsafePointer(to: rows) {
        kernels.normalize_back(
          $0, input + first, gradient + first, a, b, c, affine.scale, affine.shift, affine.cuts, result + first)
      }
    }
  }

  private func share(_ batch: NormalizedBatch, _ body: (_ rows: native_half_rows, _ first: Int) -> Void) {
    let parts = KernelThreads.parts(ofWork: batch.rows, batch.channels)
    KernelThreads.share(batch.rows, inParts: parts, multiplesOf: 1) {
      body(native_half_rows(rows: $0.count, channels: batch.channels), $0.lowerBound * batch.channels)
    }
  }

  /// Two sums per channel: of segments that the number of threads does not move, added in their order.
  private func added(
    _ batch: NormalizedBatch,
    _ body: (
      _ rows: native_half_rows, _ first: Int, _ sums: UnsafeMutablePointer<Double>, UnsafeMutablePointer<Double>
    ) -> Void
  ) -> ([Double], [Double]) {
    let (channels, step) = (batch.channels, 64 * max(1, 4096 / max(batch.channels, 1)))
    let segments = (batch.rows + step - 1) / step
    let parts = min(KernelThreads.parts(ofWork: batch.rows, channels), max(segments, 1))
    var totals = [Double](repeating: 0, count: 2 * channels)
    withUnsafeTemporaryAllocation(of: Double.self, capacity: max(2 * channels * segments, 1)) { memory in
      guard let base = memory.baseAddress else { return }
      base.initialize(repeating: 0, count: 2 * channels * segments)
      KernelThreads.share(segments, inParts: parts, multiplesOf: 1) {
        for segment in $0 {
          let sums = base + 2 * channels * segment
          let rows = min(step, batch.rows - segment * step)
          body(
            native_half_rows(rows: rows, channels: channels), segment * step * channels, sums, sums + channels)
        }
      }
      for i in 0..<2 * channels * segments { totals[i % (2 * channels)] += base[i] }
    }
    return (Array(totals[..<channels]), Array(totals[channels...]))
  }
}

/// Pooling, a few images at a time in float32.
extension HalfKernels {
  /// As `Backend.pool`, whose workspace it shares.
  public func pool(
    _ pooling: Pooling, _ shape: PoolingShape, input: ConstantHalves, output: Halves,
    workspace: UnsafeMutableRawPointer
  ) throws {
    try forEachGroup(shape) { some, ins, outs in
      let (from, to) = (some.input.elementCount(.channelsLast), some.output.elementCount(.channelsLast))
      try ScratchMemory.floats(from + to) { scratch in
        widen(input + ins, into: scratch, count: from)
        try native.pool(
          pooling, some, input: scratch, output: scratch + from, workspace: winners(pooling, workspace, outs))
        narrow(scratch + from, into: output + outs, count: to)
      }
    }
  }

  /// The gradient with respect to the input.
  public func poolingGradient(
    _ pooling: Pooling, _ shape: PoolingShape, outputGradient: ConstantHalves, inputGradient: Halves,
    workspace: UnsafeMutableRawPointer
  ) throws {
    try forEachGroup(shape) { some, ins, outs in
      let (to, from) = (some.input.elementCount(.channelsLast), some.output.elementCount(.channelsLast))
      try ScratchMemory.floats(from + to) { scratch in
        widen(outputGradient + outs, into: scratch, count: from)
        try native.poolingGradient(
          pooling, some, outputGradient: scratch, inputGradient: scratch + from,
          workspace: winners(pooling, workspace, outs))
        narrow(scratch + from, into: inputGradient + ins, count: to)
      }
    }
  }

  /// Where a group's maxima are remembered.
  private func winners(
    _ pooling: Pooling, _ workspace: UnsafeMutableRawPointer, _ first: Int
  ) -> UnsafeMutableRawPointer {
    pooling == .maximum ? workspace + first * MemoryLayout<Int32>.stride : workspace
  }

  private func forEachGroup(
    _ shape: PoolingShape, _ body: (_ some: PoolingShape, _ inputs: Int, _ outputs: Int) throws -> Void
  ) rethrows {
    let (ins, outs) = (shape.input.imageCount(.channelsLast), shape.output.imageCount(.channelsLast))
    for images in groups(of: shape.batch, elements: ins + outs) {
      var some = shape
      some.batch = images.count
      try body(some, images.lowerBound * ins, images.lowerBound * outs)
    }
  }
}

extension ChannelAffine {
  fileprivate var cuts: Int32 { thenReLU ? 1 : 0 }
}
