import CVectors
import Testing

@testable import Kernels
@testable import TestSupport

/// Kernels of bf16: the same bits by every instruction set, and near what float32 comes to.
@Suite("Kernels of bf16")
struct HalfKernelTests {
  private static let sets = InstructionSet.available.map { HalfKernels(Native(KernelOptions(precision: .bf16), $0)) }

  private static func random(_ count: Int, _ numbers: inout SeededNumbers) -> [Float] {
    (0..<count).map { _ in Float.random(in: -1...1, using: &numbers) }
  }

  private static func narrowed(_ values: [Float], _ kernels: HalfKernels) -> [UInt16] {
    var result = [UInt16](repeating: 0xdead, count: values.count)
    kernels.narrow(values, into: &result, count: values.count)
    return result
  }

  private static func widened(_ values: [UInt16]) -> [Float] { values.map { Float(bitPattern: UInt32($0) << 16) } }

  /// How far apart, as a share of the second's size.
  private static func distance(_ found: [Float], _ wanted: [Float]) -> Double {
    let difference = zip(found, wanted).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
    return (difference / max(wanted.reduce(0.0) { $0 + Double($1) * Double($1) }, 1e-30)).squareRoot()
  }

  @Test("To the nearest bf16, of two the even one; what is no normal number becomes 0, NaN stays NaN")
  func rounding() {
    let known: [(UInt32, UInt16)] = [
      (0x3f80_8000, 0x3f80), (0x3f81_8000, 0x3f82), (0x3f80_8001, 0x3f81), (0xbf80_7fff, 0xbf80),
      (0x7f7f_ffff, 0x7f80), (0x7f80_0000, 0x7f80), (0xff80_0000, 0xff80), (0x0000_0000, 0x0000),
      (0x8000_0000, 0x8000), (0x007f_ffff, 0x0000), (0x8000_0001, 0x8000), (0x0080_0000, 0x0080),
      (0x7f80_0001, 0x7fc0), (0xffff_ffff, 0xffff),
    ]
    // All lanes and the rest behind the last whole vector.
    let values = (0..<3).flatMap { _ in known.map { Float(bitPattern: $0.0) } }
    for kernels in Self.sets {
      #expect(Self.narrowed(values, kernels) == (0..<3).flatMap { _ in known.map(\.1) })
    }
  }

  static let shapes: [ConvolutionShape] = [
    // Winograd, of whole vectors and not, of an odd number of channels; 5×5.
    shape(2, 16, 9, 32, 3, padding: 1), shape(3, 18, 7, 21, 3, padding: 1), shape(1, 17, 12, 16, 3),
    shape(2, 16, 10, 16, 5, padding: 2),
    // Direct: stride, one pixel, groups; and the float32 of what has no pairs.
    shape(2, 6, 9, 10, 3, stride: 2, padding: 1), shape(3, 8, 4, 70, 1), shape(2, 1, 11, 6, 5, padding: 2),
    shape(2, 12, 6, 8, 3, padding: 1, groups: 2), shape(1, 9, 5, 3, 3, groups: 3), shape(1, 2, 3, 1, 3),
  ]

  private static func shape(
    _ batch: Int, _ inChannels: Int, _ size: Int, _ outChannels: Int, _ kernel: Int, stride: Int = 1, padding: Int = 0,
    groups: Int = 1
  ) -> ConvolutionShape {
    ConvolutionShape(
      batch: batch, inChannels: inChannels, inHeight: size, inWidth: size + 1, outChannels: outChannels,
      kernelHeight: kernel, kernelWidth: kernel, stride: [stride, stride], padding: [padding, padding],
      dilation: [1, 1], groups: groups)
  }

  /// The three passes of a convolution, widened.
  private static func passes(
    _ shape: ConvolutionShape, _ kernels: HalfKernels, _ input: [UInt16], _ weights: [Float], _ bias: [Float],
    _ gradient: [UInt16]
  ) throws -> [[Float]] {
    var (output, toInput) = ([UInt16](repeating: 0, count: gradient.count), input)
    var (toWeights, toBias) = (weights, bias)
    try weights.withUnsafeBufferPointer { buffer in
      let weights = Weights(try #require(buffer.baseAddress))
      try kernels.convolve(shape, input: input, weights: weights, bias: bias, output: &output, thenReLU: true)
      try kernels.convolutionInputGradient(
        shape, outputGradient: gradient, weights: weights, inputGradient: &toInput)
    }
    try kernels.convolutionWeightsGradient(
      shape, input: input, outputGradient: gradient, weightsGradient: &toWeights, biasGradient: &toBias)
    return [widened(output), widened(toInput), toWeights, toBias]
  }

  @Test("Convolutions and their gradients", arguments: shapes)
  func convolutions(_ shape: ConvolutionShape) throws {
    var numbers = SeededNumbers(7)
    let (ins, outs) = (shape.input.elementCount(.channelsLast), shape.output.elementCount(.channelsLast))
    let weights = Self.random(shape.weightExtents.reduce(1, *), &numbers)
    let bias = Self.random(shape.outChannels, &numbers)
    let input = Self.narrowed(Self.random(ins, &numbers), Self.sets[0])
    let gradient = Self.narrowed(Self.random(outs, &numbers), Self.sets[0])
    let found = try Self.sets.map { try Self.passes(shape, $0, input, weights, bias, gradient) }
    for (kernels, other) in zip(Self.sets, found).dropFirst() {
      #expect(other == found[0], "\(kernels.native.instructions) and \(Self.sets[0].native.instructions)")
    }
    let reference = Reference()
    var (output, toInput, toWeights, toBias) = (
      [Float](repeating: 0, count: outs), [Float](repeating: 0, count: ins), weights, bias
    )
    try weights.withUnsafeBufferPointer { buffer in
      let weights = Weights(try #require(buffer.baseAddress))
      try reference.convolve(
        shape, input: Self.widened(input), weights: weights, bias: bias, output: &output, thenReLU: true)
      try reference.convolutionInputGradient(
        shape, outputGradient: Self.widened(gradient), weights: weights, inputGradient: &toInput)
    }
    try reference.convolutionWeightsGradient(
      shape, input: Self.widened(input), outputGradient: Self.widened(gradient), weightsGradient: &toWeights,
      biasGradient: &toBias)
    // Winograd's transforms are rounded as well: about six times the error of one rounding.
    for (pass, wanted) in [output, toInput, toWeights, toBias].enumerated() {
      let distance = Self.distance(found[0][pass], wanted)
      #expect(
        distance < (shape.stride == [1, 1] && shape.inChannels >= 16 ? 0.02 : 0.005), "pass \(pass): \(distance)")
    }
  }

  @Test("Products, of factors that lie turned or not", arguments: [(1, 5, 1), (7, 33, 20), (40, 64, 65), (65, 7, 130)])
  func products(_ rows: Int, _ inner: Int, _ columns: Int) throws {
    var numbers = SeededNumbers(3)
    let (left, right) = (Self.random(rows * inner, &numbers), Self.random(inner * columns, &numbers))
    let start = Self.random(rows * columns, &numbers)
    func product(_ kernels: any Backend, _ left: [Float], _ right: [Float], turned: Bool, adding: Bool) throws
      -> [Float]
    {
      var result = start
      try left.withUnsafeBufferPointer { left in
        try right.withUnsafeBufferPointer { right in
          try kernels.multiply(
            rows: rows, columns: columns, inner: inner,
            MatrixOperand(#require(left.baseAddress), isTransposed: turned, rowStride: turned ? rows : inner),
            MatrixOperand(#require(right.baseAddress), isTransposed: turned, rowStride: turned ? inner : columns),
            into: &result, accumulating: adding)
        }
      }
      return result
    }
    func turned(_ values: [Float], _ rows: Int) -> [Float] {
      let columns = values.count / rows
      return (0..<columns).flatMap { column in (0..<rows).map { values[$0 * columns + column] } }
    }
    for adding in [false, true] {
      let wanted = try product(
        Reference(), Self.widened(Self.narrowed(left, Self.sets[0])), Self.widened(Self.narrowed(right, Self.sets[0])),
        turned: false, adding: adding)
      for kernels in Self.sets.map(\.native) {
        let plain = try product(kernels, left, right, turned: false, adding: adding)
        #expect(Self.distance(plain, wanted) < 1e-6)
        #expect(
          try product(kernels, turned(left, rows), turned(right, inner), turned: true, adding: adding) == plain,
          "\(kernels.instructions)")
      }
    }
  }

  @Test("Normalisation, sums, ReLU and pooling are float32's, rounded", arguments: [1, 6, 16, 35, 80])
  func layers(_ channels: Int) throws {
    var numbers = SeededNumbers(UInt64(channels))
    let batch = NormalizedBatch(rows: 2 * 6 * 7, channels: channels)
    let count = batch.rows * channels
    let affine = ChannelAffine(
      scale: Self.random(channels, &numbers), shift: Self.random(channels, &numbers), thenReLU: true)
    let (mean, a, b, c) = (
      Self.random(channels, &numbers), Self.random(channels, &numbers), Self.random(channels, &numbers),
      Self.random(channels, &numbers)
    )
    let (x, g) = (
      Self.narrowed(Self.random(count, &numbers), Self.sets[0]),
      Self.narrowed(Self.random(count, &numbers), Self.sets[0])
    )
    let (wideX, wideG) = (Self.widened(x), Self.widened(g))
    let pooling = PoolingShape(
      batch: 2, channels: channels, inHeight: 6, inWidth: 7, kernel: [3, 3], stride: [2, 2], padding: [1, 1])
    let pooled = pooling.output.elementCount(.channelsLast)
    for kernels in Self.sets {
      let native = kernels.native
      func same(_ what: String, _ half: (Halves) throws -> Void, _ float: (Floats) throws -> Void, count: Int) rethrows
      {
        var (found, wanted) = ([UInt16](repeating: 1, count: count), [Float](repeating: .nan, count: count))
        try half(&found)
        try float(&wanted)
        #expect(found == Self.narrowed(wanted, Self.sets[0]), "\(what), \(native.instructions)")
      }
      same(
        "normalised", { kernels.normalize(batch, x, affine, output: $0) },
        {
          native.normalize(batch, wideX, affine, output: $0)
        }, count: count)
      same(
        "gradient", { kernels.normalizationGradient(batch, x, g, a: a, b: b, c: c, affine, result: $0) },
        {
          native.normalizationGradient(batch, wideX, wideG, a: a, b: b, c: c, affine, result: $0)
        }, count: count)
      same(
        "sum", { kernels.add(x, g, into: $0, count: count) }, { for i in 0..<count { $0[i] = wideX[i] + wideG[i] } },
        count: count)
      same(
        "ReLU", { kernels.cut(x, into: $0, count: count) }, { for i in 0..<count { $0[i] = max(wideX[i], 0) } },
        count: count)
      same(
        "ReLU's gradient", { kernels.cutGradient(output: x, g, into: $0, count: count) },
        {
          for i in 0..<count { $0[i] = wideX[i] > 0 ? wideG[i] : 0 }
        }, count: count)
      for kind in Pooling.allCases {
        let bytes = try native.poolingWorkspaceByteCount(kind, pooling)
        var workspace = [UInt8](repeating: 0, count: bytes + 8)
        try same(
          "pooled",
          {
            try kernels.pool(kind, pooling, input: x, output: $0, workspace: &workspace)
          },
          {
            try native.pool(kind, pooling, input: wideX, output: $0, workspace: &workspace)
          }, count: pooled)
        try same(
          "pooling's gradient",
          {
            try kernels.poolingGradient(
              kind, pooling, outputGradient: x, inputGradient: $0, workspace: &workspace)
          },
          {
            try native.poolingGradient(
              kind, pooling, outputGradient: wideX, inputGradient: $0, workspace: &workspace)
          }, count: count)
      }
      let (moments, sums) = (kernels.moments(batch, x), kernels.normalizationSums(batch, x, g, mean: mean, affine))
      let (wideMoments, wideSums) = (
        native.moments(batch, wideX), native.normalizationSums(batch, wideX, wideG, mean: mean, affine)
      )
      for (found, wanted) in [
        (moments.mean, wideMoments.mean), (moments.deviations, wideMoments.deviations),
        (sums.gradient, wideSums.gradient), (sums.product, wideSums.product),
      ] {
        for (one, other) in zip(found, wanted) { #expect(abs(one - other) < 1e-4 * max(1, abs(other))) }
      }
    }
  }
}
