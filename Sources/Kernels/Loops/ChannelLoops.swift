import CVectors

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

/// The passes of batch normalisation, by native kernels.
///
/// Few channels would make short inner loops, so several rows are taken as one of a multiple of the channels; numbers per
/// channel are repeated accordingly.
struct ChannelLoops {
  private let rows, channels: Int
  /// Elements that one inner loop takes.
  private let width: Int
  private let kernels: native_kernels

  init(_ batch: NormalizedBatch, _ instructions: InstructionSet = .inUse) {
    (rows, channels, kernels) = (batch.rows, batch.channels, instructions.kernels.pointee)
    width = channels >= 64 ? channels : max(channels, 1) * (64 / max(channels, 1) + 1)
  }

  private var count: Int { rows * channels }
  /// Inner loops after which float32 sums are added to those in double precision.
  private static let block = 32

  /// Mean and sum of squared deviations of each channel. Sums are of differences from the first row, so that a mean that
  /// is large beside the deviations costs no precision.
  func moments(_ input: ConstantFloats) -> (mean: [Double], deviations: [Double]) {
    if rows == 0 { return (zeros, zeros) }
    let origin = PerElement(self) { input[$0] }
    let sums = sums { start, count, sums in
      kernels.channels_moments(count, width, input + start, origin.values, sums.0, sums.1)
    }
    var (mean, deviations) = (zeros, zeros)
    for channel in 0..<channels {
      let shift = sums[0][channel] / Double(rows)
      mean[channel] = Double(input[channel]) + shift
      deviations[channel] = max(0, sums[1][channel] - shift * sums[0][channel])
    }
    return (mean, deviations)
  }

  /// `output = input · scale + shift`, below zero cut off where a ReLU follows; NaN stays NaN.
  func apply(_ input: ConstantFloats, _ affine: ChannelAffine, output: Floats) {
    let (scales, shifts) = (PerElement(self) { affine.scale[$0] }, PerElement(self) { affine.shift[$0] })
    share { start, count in
      kernels.channels_affine(
        count, width, input + start, scales.values, shifts.values, affine.thenReLU ? 1 : 0, output + start)
    }
  }

  /// Per channel, the sum of the output's gradient, and of its products with `input - mean`. Where a ReLU followed, only
  /// what passed it counts, told by `input · scale + shift`.
  func gradientSums(
    _ input: ConstantFloats, _ gradient: ConstantFloats, mean: [Float], relu affine: ChannelAffine
  ) -> (gradient: [Double], product: [Double]) {
    let means = PerElement(self) { mean[$0] }
    let (scales, shifts) = passing(affine)
    let sums = sums { start, count, sums in
      kernels.channels_gradient_sums(
        count, width, input + start, gradient + start, means.values, scales.values, shifts.values, sums.0, sums.1)
    }
    return (sums[0], sums[1])
  }

  /// `result = gradient · a + input · b + c` per channel, of what passed the ReLU where one followed.
  func inputGradient(
    _ input: ConstantFloats, _ gradient: ConstantFloats, a: [Float], b: [Float], c: [Float],
    relu affine: ChannelAffine, result: Floats
  ) {
    let factors = [a, b, c].map { factor in PerElement(self) { factor[$0] } }
    let (scales, shifts) = passing(affine)
    let values = factors.map { ConstantFloats($0.values) }
    withExtendedLifetime(factors) {
      share { start, count in
        kernels.channels_gradient(
          count, width, input + start, gradient + start, values, scales.values, shifts.values, result + start)
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
    let values: Floats

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

  /// Whole inner loops on each thread.
  private func share(_ body: (_ start: Int, _ count: Int) -> Void) {
    KernelThreads.share(count, inParts: KernelThreads.parts(ofWork: 2, count), multiplesOf: width) {
      body($0.lowerBound, $0.count)
    }
  }

  /// Two sums per channel that `add` collects in float32 over a block of inner loops, and in double precision over all.
  private func sums(
    _ add: (_ start: Int, _ count: Int, _ sums: (Floats, Floats)) -> Void
  ) -> [[Double]] {
    var totals = [zeros, zeros]
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * width) { memory in
      guard let base = memory.baseAddress else { return }
      for start in stride(from: 0, to: count, by: Self.block * width) {
        base.update(repeating: 0, count: 2 * width)
        add(start, min(Self.block * width, count - start), (base, base + width))
        for kind in 0..<2 {
          for first in stride(from: 0, to: width, by: channels) {
            let values = base + kind * width + first
            for channel in 0..<channels { totals[kind][channel] += Double(values[channel]) }
          }
        }
      }
    }
    return totals
  }
}
