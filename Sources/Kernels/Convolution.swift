import CDNNL
import Synchronization

/// The extents of a two-dimensional convolution, weights `[outChannels, inChannels / groups, kernelHeight, kernelWidth]`.
public struct ConvolutionShape: Hashable, Sendable {
  public var batch, inChannels, inHeight, inWidth: Int
  public var outChannels, kernelHeight, kernelWidth: Int
  public var stride, padding, dilation: [Int]  // vertical, horizontal; a dense kernel has dilation 1
  public var groups: Int

  public init(
    batch: Int, inChannels: Int, inHeight: Int, inWidth: Int, outChannels: Int, kernelHeight: Int, kernelWidth: Int,
    stride: [Int], padding: [Int], dilation: [Int], groups: Int
  ) {
    (self.batch, self.inChannels, self.inHeight, self.inWidth) = (batch, inChannels, inHeight, inWidth)
    (self.outChannels, self.kernelHeight, self.kernelWidth) = (outChannels, kernelHeight, kernelWidth)
    (self.stride, self.padding, self.dilation, self.groups) = (stride, padding, dilation, groups)
  }

  public var outHeight: Int { extent(inHeight, kernelHeight, 0) }
  public var outWidth: Int { extent(inWidth, kernelWidth, 1) }

  private func extent(_ size: Int, _ kernel: Int, _ axis: Int) -> Int {
    let span = size + 2 * padding[axis] - dilation[axis] * (kernel - 1) - 1
    return span < 0 ? 0 : span / stride[axis] + 1
  }

  var weightExtents: [Int] {
    let perGroup = [outChannels / groups, inChannels / groups, kernelHeight, kernelWidth]
    return groups == 1 ? perGroup : [groups] + perGroup
  }
}

/// Convolutions on channels-last activations; weights are plain `[out, in, height, width]` for the caller, reordered here
/// into the layout that the kernel likes.
///
/// Every descriptor is spelled with full channels-last strides. oneDNN 2.6 confuses cached primitives whose one-channel
/// descriptors differ only in the strides of extents of 1, and then writes past the end of the weights' gradient.
public enum Convolution {
  /// `output = input ∗ weights + bias`.
  public static func forward(
    _ shape: ConvolutionShape, input: UnsafePointer<Float>, weights: UnsafePointer<Float>, bias: UnsafePointer<Float>?,
    output: UnsafeMutablePointer<Float>
  ) throws {
    if shape.batch == 0 { return }
    let plan = try plans.value(for: Key(shape: shape, pass: 0, hasBias: bias != nil)) {
      try Plan(shape, lockstep_forward, hasBias: bias != nil)
    }
    try plan.withReordered(UnsafeMutableRawPointer(mutating: weights)) { packed in
      try plan.primitive.run(
        UnsafeMutableRawPointer(mutating: input), packed, output, UnsafeMutableRawPointer(mutating: bias))
    }
  }

  /// The gradient with respect to the input.
  public static func inputGradient(
    _ shape: ConvolutionShape, outputGradient: UnsafePointer<Float>, weights: UnsafePointer<Float>,
    inputGradient: UnsafeMutablePointer<Float>
  ) throws {
    if shape.batch == 0 { return }
    let plan = try plans.value(for: Key(shape: shape, pass: 1, hasBias: false)) {
      try Plan(shape, lockstep_backward_input, hasBias: false)
    }
    try plan.withReordered(UnsafeMutableRawPointer(mutating: weights)) { packed in
      try plan.primitive.run(inputGradient, packed, UnsafeMutableRawPointer(mutating: outputGradient))
    }
  }

  /// The gradients with respect to weights and bias.
  public static func weightsGradient(
    _ shape: ConvolutionShape, input: UnsafePointer<Float>, outputGradient: UnsafePointer<Float>,
    weightsGradient: UnsafeMutablePointer<Float>, biasGradient: UnsafeMutablePointer<Float>?
  ) throws {
    if shape.batch == 0 { return }
    let plan = try plans.value(for: Key(shape: shape, pass: 2, hasBias: biasGradient != nil)) {
      try Plan(shape, lockstep_backward_weights, hasBias: biasGradient != nil)
    }
    try plan.withReordered(weightsGradient) { packed in
      try plan.primitive.run(
        UnsafeMutableRawPointer(mutating: input), packed, UnsafeMutableRawPointer(mutating: outputGradient),
        biasGradient)
    }
  }

  private struct Key: Hashable, Sendable {
    let shape: ConvolutionShape
    let pass: Int
    let hasBias: Bool
  }
  private static let plans = PrimitiveCache<Key, Plan>()
}

/// A convolution pass with the reorder of its weights (or of their gradient) from or to the plain layout.
private final class Plan: @unchecked Sendable {
  let primitive: Primitive
  private let reorder: Primitive?
  private let isGradient: Bool
  private let packed: UnsafeMutableRawPointer
  private let lock = Mutex(())

  init(_ shape: ConvolutionShape, _ pass: lockstep_pass, hasBias: Bool) throws {
    let engine = try Engine.shared.get()
    let input = try Layout.channelsLast(shape.batch, shape.inChannels, shape.inHeight, shape.inWidth)
    let output = try Layout.channelsLast(shape.batch, shape.outChannels, shape.outHeight, shape.outWidth)
    let weights = try Layout(shape.weightExtents, strides: nil)
    let bias = try hasBias ? Layout([shape.outChannels], strides: [1]) : nil

    func describe(_ pass: lockstep_pass, hint: dnnl_primitive_desc_t?) -> dnnl_primitive_desc_t? {
      func make(_ bias: UnsafePointer<lockstep_memory_desc>?) -> dnnl_primitive_desc_t? {
        lockstep_convolution(
          pass, dnnl_convolution_direct, &input.desc, &weights.desc, bias, &output.desc, shape.stride.map(Int64.init),
          shape.dilation.map { Int64($0 - 1) }, shape.padding.map(Int64.init), hint, engine.handle)
      }
      guard let bias else { return make(nil) }
      return make(&bias.desc)
    }
    let hint = pass == lockstep_forward ? nil : describe(lockstep_forward, hint: nil)
    defer { if let hint { dnnl_primitive_desc_destroy(hint) } }
    primitive = try Primitive(describe(pass, hint: hint), "convolution \(shape)")
    isGradient = pass == lockstep_backward_weights

    let layoutQuery = isGradient ? dnnl_query_diff_weights_md : dnnl_query_weights_md
    switch pass {
    case lockstep_forward:
      try primitive.argument(DNNL_ARG_SRC, dnnl_query_src_md)
      try primitive.argument(DNNL_ARG_WEIGHTS, dnnl_query_weights_md)
      try primitive.argument(DNNL_ARG_DST, dnnl_query_dst_md)
      if hasBias { try primitive.argument(DNNL_ARG_BIAS, dnnl_query_weights_md, 1) }
    case lockstep_backward_input:
      try primitive.argument(DNNL_ARG_DIFF_SRC, dnnl_query_diff_src_md)
      try primitive.argument(DNNL_ARG_WEIGHTS, dnnl_query_weights_md)
      try primitive.argument(DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md)
    default:
      try primitive.argument(DNNL_ARG_SRC, dnnl_query_src_md)
      try primitive.argument(DNNL_ARG_DIFF_WEIGHTS, dnnl_query_diff_weights_md)
      try primitive.argument(DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md)
      if hasBias { try primitive.argument(DNNL_ARG_DIFF_BIAS, dnnl_query_diff_weights_md, 1) }
    }

    let plain = try Layout(shape.weightExtents, strides: Layout.rowMajorStrides(shape.weightExtents))
    if lockstep_layout_is(primitive.descriptor, layoutQuery, &plain.desc) != 0 {
      reorder = nil
    } else {
      let pair = lockstep_reorder(&plain.desc, primitive.descriptor, layoutQuery, isGradient ? 0 : 1, engine.handle)
      let reorder = try Primitive(pair, "reorder of weights \(shape.weightExtents)")
      try reorder.argument(DNNL_ARG_FROM, dnnl_query_src_md)
      try reorder.argument(DNNL_ARG_TO, dnnl_query_dst_md)
      self.reorder = reorder
    }
    packed = .allocate(byteCount: reorder == nil ? 64 : primitive.byteCount(layoutQuery), alignment: 64)
  }

  deinit { packed.deallocate() }

  /// Calls `body` with the weights in the kernel's layout; a gradient written there is put back into the plain one.
  func withReordered(_ plain: UnsafeMutableRawPointer, _ body: (UnsafeMutableRawPointer) throws -> Void) throws {
    guard let reorder else { return try body(plain) }
    try lock.withLock { _ in
      if !isGradient { try reorder.run(plain, packed) }
      try body(packed)
      if isGradient { try reorder.run(packed, plain) }
    }
  }
}

extension Layout {
  static func channelsLast(_ batch: Int, _ channels: Int, _ height: Int, _ width: Int) throws -> Layout {
    try Layout(
      [batch, channels, height, width], strides: [height * width * channels, 1, width * channels, channels])
  }

  static func rowMajorStrides(_ extents: [Int]) -> [Int] {
    var strides = [Int](repeating: 1, count: extents.count)
    for axis in extents.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * max(extents[axis + 1], 1) }
    return strides
  }
}
