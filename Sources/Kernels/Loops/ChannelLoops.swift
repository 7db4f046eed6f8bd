/// What batch normalisation goes over: `[rows, channels]`, channels innermost. A row is a sample of features, or one pixel of
/// a channels-last image.
public struct NormalizedBatch: Hashable, Sendable {
  /// How many rows there are, and numbers in each.
  public let rows, channels: Int

  /// Of memory without gaps.
  public init(rows: Int, channels: Int) { (self.rows, self.channels) = (rows, channels) }
}

/// Normalisation as one multiplication and one addition per channel, and a ReLU if one follows.
public struct ChannelAffine: Sendable {
  /// A number per channel each.
  public let scale, shift: [Float]
  /// Whether negative results become 0.
  public let thenReLU: Bool

  /// As many scales as shifts.
  public init(scale: [Float], shift: [Float], thenReLU: Bool) {
    (self.scale, self.shift, self.thenReLU) = (scale, shift, thenReLU)
  }
}

/// The passes of batch normalisation as loops over memory.
///
/// Few channels would make short inner loops, so several rows are taken as one of a multiple of the channels; numbers per
/// channel are repeated accordingly.
struct ChannelLoops {
  private let rows, channels: Int
  /// Elements that one inner loop takes.
  private let width: Int

  init(_ batch: NormalizedBatch) {
    (rows, channels) = (batch.rows, batch.channels)
    width = channels >= 64 ? channels : max(channels, 1) * (64 / max(channels, 1) + 1)
  }

  private var count: Int { rows * channels }
  /// Inner loops after which float32 sums are added to those in double precision.
  private static let block = 32

  /// Mean and sum of squared deviations of each channel. Sums are of differences from the first row, so that a mean that
  /// is large beside the deviations costs no precision.
  func moments(_ input: UnsafePointer<Float>) -> (mean: [Double], deviations: [Double]) {
    if rows == 0 { return (zeros, zeros) }
    let origin = PerElement(self) { input[$0] }
    let sums = sums { start, count, sums in
      let (values, first, second, origin) = (input + start, sums.0, sums.1, origin.values)
      for i in 0..<count {
        let difference = values[i] - origin[i]
        first[i] += difference
        second[i] += difference * difference
      }
    }
    var (mean, deviations) = (zeros, zeros)
    for channel in 0..<channels {
      let shift = sums[0][channel] / Double(rows)
      mean[channel] = Double(input[channel]) + shift
      deviations[channel] = max(0, sums[1][channel] - shift * sums[0][channel])
    }
    return (mean, deviations)
  }

  /// `output = input · scale + shift`, below zero cut off where a ReLU follows.
  func apply(_ input: ConstantFloats, _ affine: ChannelAffine, output: Floats) {
    let (scales, shifts) = (PerElement(self) { affine.scale[$0] }, PerElement(self) { affine.shift[$0] })
    forEachLoop { start, count in
      let (from, to, scale, shift) = (input + start, output + start, scales.values, shifts.values)
      if affine.thenReLU {
        for i in 0..<count { to[i] = passing(from[i] * scale[i] + shift[i]) }
      } else {
        for i in 0..<count { to[i] = from[i] * scale[i] + shift[i] }
      }
    }
  }

  /// `max(0, value)`, but NaN stays NaN.
  @inline(__always)
  private func passing(_ value: Float) -> Float { value < 0 ? 0 : value }

  /// Per channel, the sum of the output's gradient, and of its products with `input - mean`. Where a ReLU followed, only
  /// what passed it counts, told by `input · scale + shift`.
  func gradientSums(
    _ input: UnsafePointer<Float>, _ gradient: UnsafePointer<Float>, mean: [Float],
    relu affine: ChannelAffine
  ) -> (gradient: [Double], product: [Double]) {
    let means = PerElement(self) { mean[$0] }
    let (scales, shifts) = passing(affine)
    let sums = sums { start, count, sums in
      let (x, g, first, second, mean) = (input + start, gradient + start, sums.0, sums.1, means.values)
      let (scale, shift) = (scales.values, shifts.values)
      for i in 0..<count {
        let passed = x[i] * scale[i] + shift[i] > 0 ? g[i] : 0
        first[i] += passed
        second[i] += passed * (x[i] - mean[i])
      }
    }
    return (sums[0], sums[1])
  }

  /// `result = gradient · a + input · b + c` per channel, of what passed the ReLU where one followed.
  func inputGradient(
    _ input: UnsafePointer<Float>, _ gradient: UnsafePointer<Float>, a: [Float], b: [Float], c: [Float],
    relu affine: ChannelAffine, result: UnsafeMutablePointer<Float>
  ) {
    let (a, b, c) = (PerElement(self) { a[$0] }, PerElement(self) { b[$0] }, PerElement(self) { c[$0] })
    let (scales, shifts) = passing(affine)
    forEachLoop { start, count in
      let (x, g, to) = (input + start, gradient + start, result + start)
      let (a, b, c, scale, shift) = (a.values, b.values, c.values, scales.values, shifts.values)
      for i in 0..<count {
        let passed = x[i] * scale[i] + shift[i] > 0 ? g[i] : 0
        to[i] = passed * a[i] + x[i] * b[i] + c[i]
      }
    }
  }

  /// Scale and shift whose result is above zero where the gradient passes: without a ReLU, 0 and 1 let every one through.
  private func passing(_ affine: ChannelAffine) -> (PerElement, PerElement) {
    (
      PerElement(self) { affine.thenReLU ? affine.scale[$0] : 0 },
      PerElement(self) { affine.thenReLU ? affine.shift[$0] : 1 }
    )
  }

  /// A number per channel, repeated for the elements of an inner loop.
  private final class PerElement {
    let values: UnsafeMutablePointer<Float>

    init(_ shape: ChannelLoops, _ value: (Int) -> Float) {
      values = .allocate(capacity: max(shape.width, 1))
      for channel in 0..<shape.channels { values[channel] = value(channel) }
      for i in shape.channels..<max(shape.width, shape.channels) { values[i] = values[i - shape.channels] }
    }

    deinit { values.deallocate() }
  }
}

/// Loops that the passes share.
extension ChannelLoops {
  private var zeros: [Double] { [Double](repeating: 0, count: channels) }

  @inline(__always)
  private func forEachLoop(_ body: (_ start: Int, _ count: Int) -> Void) {
    var start = 0
    while start < count {
      body(start, min(width, count - start))
      start += width
    }
  }

  /// Two sums per channel that `add` collects over its loops, in float32 for a block of them and in double precision over
  /// all.
  @inline(__always)
  private func sums(
    _ add: (
      _ start: Int, _ count: Int, _ sums: (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>)
    ) -> Void
  ) -> [[Double]] {
    var totals = [zeros, zeros]
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * width) { memory in
      guard let base = memory.baseAddress else { return }
      base.update(repeating: 0, count: 2 * width)
      func flush() {
        for kind in 0..<2 {
          for i in 0..<width { totals[kind][i % channels] += Double(base[kind * width + i]) }
        }
        base.update(repeating: 0, count: 2 * width)
      }
      var loops = 0
      forEachLoop { start, count in
        add(start, count, (base, base + width))
        loops += 1
        if loops % Self.block == 0 { flush() }
      }
      flush()
    }
    return totals
  }
}
