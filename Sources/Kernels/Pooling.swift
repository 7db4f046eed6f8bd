import CDNNL

/// The extents of a two-dimensional pooling over channels-last activations.
public struct PoolingShape: Hashable, Sendable {
  public var batch, channels, inHeight, inWidth: Int
  public var kernel, stride, padding: [Int]  // vertical, horizontal

  public init(
    batch: Int, channels: Int, inHeight: Int, inWidth: Int, kernel: [Int], stride: [Int], padding: [Int]
  ) {
    (self.batch, self.channels, self.inHeight, self.inWidth) = (batch, channels, inHeight, inWidth)
    (self.kernel, self.stride, self.padding) = (kernel, stride, padding)
  }

  public var outHeight: Int { extent(inHeight, 0) }
  public var outWidth: Int { extent(inWidth, 1) }

  private func extent(_ size: Int, _ axis: Int) -> Int {
    let span = size + 2 * padding[axis] - kernel[axis]
    return span < 0 ? 0 : span / stride[axis] + 1
  }

  /// Whether the windows tile the input: no window overlaps another, none is padded.
  var isTiling: Bool { kernel == stride && padding == [0, 0] }
}

/// Maximum and average pooling, both directions.
public enum Pooling: Int, Sendable {
  case maximum
  /// Padded zeros count as samples, as in PyTorch.
  case average
  /// The mean of a window's part inside of the input.
  case averageInside

  /// `output[window] = maximum or mean of input[window]`. `workspace` remembers where each maximum was.
  public func forward(
    _ shape: PoolingShape, input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>,
    workspace: UnsafeMutableRawPointer?
  ) throws {
    if shape.batch == 0 { return }
    if self == .average && shape.isTiling { return AverageTiles(shape).forward(input, output) }
    try plan(shape).forward.run(UnsafeMutableRawPointer(mutating: input), output, workspace)
  }

  /// The gradient with respect to the input, from that of the output.
  public func backward(
    _ shape: PoolingShape, outputGradient: UnsafePointer<Float>, inputGradient: UnsafeMutablePointer<Float>,
    workspace: UnsafeMutableRawPointer?
  ) throws {
    if shape.batch == 0 { return }
    if self == .average && shape.isTiling { return AverageTiles(shape).backward(outputGradient, inputGradient) }
    try plan(shape).backward.run(inputGradient, UnsafeMutableRawPointer(mutating: outputGradient), workspace)
  }

  /// How many bytes of workspace `forward` fills for `backward`.
  public func workspaceByteCount(_ shape: PoolingShape) throws -> Int {
    if self != .maximum || shape.batch == 0 { return 0 }
    return try plan(shape).forward.byteCount(dnnl_query_workspace_md)
  }

  private var algorithm: dnnl_alg_kind_t {
    switch self {
    case .maximum: dnnl_pooling_max
    case .average: dnnl_pooling_avg_include_padding
    case .averageInside: dnnl_pooling_avg_exclude_padding
    }
  }

  private struct Key: Hashable, Sendable {
    let shape: PoolingShape
    let kind: Pooling
  }
  private struct Plan: Sendable {
    let forward, backward: Primitive
  }
  private static let plans = PrimitiveCache<Key, Plan>()

  private func plan(_ shape: PoolingShape) throws -> Plan {
    try Self.plans.value(for: Key(shape: shape, kind: self)) {
      let engine = try Engine.shared.get()
      let input = try Layout.channelsLast([shape.batch, shape.channels, shape.inHeight, shape.inWidth])
      let output = try Layout.channelsLast([shape.batch, shape.channels, shape.outHeight, shape.outWidth])
      let stride = shape.stride.map(Int64.init)
      let kernel = shape.kernel.map(Int64.init)
      let padding = shape.padding.map(Int64.init)
      func describe(backward: Bool, hint: dnnl_primitive_desc_t?) -> dnnl_primitive_desc_t? {
        lockstep_pooling(
          backward ? 1 : 0, algorithm, &input.desc, &output.desc, stride, kernel, padding, padding, hint, engine.handle)
      }
      let forward = try Primitive(describe(backward: false, hint: nil), "pooling \(shape)")
      try forward.argument(DNNL_ARG_SRC, input)
      try forward.argument(DNNL_ARG_DST, output)
      let backward = try Primitive(describe(backward: true, hint: forward.descriptor), "pooling \(shape)")
      try backward.argument(DNNL_ARG_DIFF_SRC, input)
      try backward.argument(DNNL_ARG_DIFF_DST, output)
      if self == .maximum {
        try forward.argument(DNNL_ARG_WORKSPACE, dnnl_query_workspace_md)
        try backward.argument(DNNL_ARG_WORKSPACE, dnnl_query_workspace_md)
      }
      return Plan(forward: forward, backward: backward)
    }
  }
}
