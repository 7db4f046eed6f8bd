import Kernels
import Tensors
import Testing

@testable import TestSupport

/// Pooling of what is not finite. The numbers are those of PyTorch 2.15, `max_pool2d` and `adaptive_avg_pool2d` on one thread.
@Suite("Pooling of NaN and infinities")
struct PoolingValuesTests {
  static let layouts: [Layout] = [.rowMajor, .channelsLast, .blocked]
  private static let (nan, infinity) = (Float.nan, Float.infinity)
  private static let image: [Float] = [
    1, nan, 2, -infinity, -infinity,
    3, 4, 5, -infinity, -infinity,
    nan, nan, 1, infinity, 2,
    0, nan, infinity, 7, -infinity,
  ]

  private func expectSame(_ found: Tensor?, _ wanted: [Float], sourceLocation: SourceLocation = #_sourceLocation) throws
  {
    let found = try #require(found, sourceLocation: sourceLocation).floats()
    let isSame = found.count == wanted.count && zip(found, wanted).allSatisfy { $0 == $1 || $0.isNaN && $1.isNaN }
    #expect(isSame, "\(found), not \(wanted)", sourceLocation: sourceLocation)
  }

  /// Three equal channels; the gradient of output i is i + 1.
  private func check(
    _ layout: Layout, _ kernel: Int, _ stride: Int, _ padding: Int, _ wanted: [Float], gradient: [Float]
  ) throws {
    let plain = Tensor(Self.image, shape: [1, 1, 4, 5]).expanded(to: [1, 3, 4, 5]).copy()
    for backend in BackendName.allCases {
      try KernelOptions(backend: backend).run {
        let input = plain.arranged(layout).detached().requiringGradient()
        let output = input.maxPooled([kernel, kernel], stride: [stride, stride], padding: [padding, padding])
        for channel in 0..<3 { try expectSame(output[0, channel].reshaped([-1]), wanted) }
        let weights = Tensor((0..<wanted.count).map { Float($0 + 1) }, shape: Shape(Array(output.shape.suffix(2))))
        try output.backward(gradient: weights.expanded(to: output.shape).copy())
        for channel in 0..<3 { try expectSame(input.gradient?[0, channel].reshaped([-1]), gradient) }
      }
    }
  }

  @Test("Maxima: NaN comes through, -∞ stays, padding never wins", arguments: layouts)
  func maxima(layout: Layout) throws {
    let (nan, infinity) = (Self.nan, Self.infinity)
    try check(
      layout, 2, 2, 0, [nan, 5, nan, infinity],
      gradient: [0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 4, 0, 0, 3, 0, 0, 0])
    try check(
      layout, 3, 2, 1, [nan, nan, -infinity, nan, nan, infinity],
      gradient: [0, 3, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 9, 0, 0, 0])
  }

  @Test("Adaptive means: an infinity is in no window but its own", arguments: layouts)
  func adaptive(layout: Layout) throws {
    let numbers = (0..<25).map { $0 == 0 ? Self.infinity : $0 == 24 ? .nan : Float($0) }
    let plain = Tensor(numbers, shape: [1, 1, 5, 5])
    for backend in BackendName.allCases {
      try KernelOptions(backend: backend).run {
        let input = plain.arranged(layout).detached().requiringGradient()
        let output = input.adaptivelyAveraged([3, 2])
        try expectSame(output.reshaped([-1]), [Self.infinity, 5.5, 11, 13, 18.5, .nan])
        try output.sum().backward()
        let sixth = Float(1) / 6
        let gradient = try #require(input.gradient).floats()
        #expect(abs(gradient[0] - sixth) < 1e-6 && abs(gradient[7] - (2 * sixth + 2 * Float(1) / 9)) < 1e-6)
      }
    }
  }

  @Test("Adaptive means of large windows are accurate")
  func large() throws {
    let mean = try Tensor.full([1, 2, 1000, 300], 0.1).adaptivelyAveraged([1, 1]).floats()
    #expect(mean.allSatisfy { abs($0 / 0.1 - 1) < 1e-6 })
  }
}
