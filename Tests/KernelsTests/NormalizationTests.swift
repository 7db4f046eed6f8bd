import Kernels
import Testing

@testable import TestSupport

@Suite("Batch normalisation against the reference")
struct NormalizationTests {
  @Test("All passes", arguments: [(1, 1), (7, 3), (50, 6), (33, 64), (200, 65)], BackendName.fast)
  func passes(extents: (rows: Int, channels: Int), backend: BackendName) {
    for thenReLU in [false, true] { check(extents, backend, thenReLU: thenReLU) }
  }

  private func check(_ extents: (rows: Int, channels: Int), _ backend: BackendName, thenReLU: Bool) {
    var numbers = SeededNumbers(8)
    let batch = NormalizedBatch(rows: extents.rows, channels: extents.channels)
    let (input, gradient) = (numbers.floats(batch.rows * batch.channels), numbers.floats(batch.rows * batch.channels))
    let (scale, shift) = (numbers.floats(batch.channels).values, numbers.floats(batch.channels).values)
    let affine = ChannelAffine(scale: scale, shift: shift, thenReLU: thenReLU)
    func run(_ kernels: any Backend) -> [GuardedBuffer] {
      let moments = kernels.moments(batch, input.pointer)
      let (output, back) = (GuardedBuffer(input.count), GuardedBuffer(input.count))
      kernels.normalize(batch, input.pointer, affine, output: output.pointer)
      let sums = kernels.normalizationSums(
        batch, input.pointer, gradient.pointer, mean: moments.mean.map { Float($0) }, affine)
      kernels.normalizationGradient(
        batch, input.pointer, gradient.pointer, a: scale, b: shift, c: scale, affine, result: back.pointer)
      let totals = [moments.mean, moments.deviations, sums.gradient, sums.product].map { numbers in
        GuardedBuffer(numbers.map { Float($0) })
      }
      return totals + [output, back]
    }
    for (index, (found, wanted)) in zip(run(backend.kernels), run(Reference())).enumerated() {
      expectNear(found, wanted, tolerance: 2e-5, "\(backend): result \(index) of \(batch)")
    }
  }
}
