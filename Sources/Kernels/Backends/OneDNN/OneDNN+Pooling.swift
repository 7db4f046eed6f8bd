import CDNNL

extension OneDNN {
  public func pool(
    _ pooling: Pooling, _ shape: PoolingShape, input: ConstantFloats, output: Floats,
    workspace: UnsafeMutableRawPointer
  ) throws {
    if shape.batch == 0 { return }
    if pooling.isOfTiles(shape) { return AverageTiles(shape).forward(input, output) }
    if pooling == .maximum {
      // The workspace's last byte tells the gradient who has filled it.
      let isOrdinary = Finite.all(input, count: shape.input.elementCount(shape.layout))
      workspace.storeBytes(of: isOrdinary, toByteOffset: try flagPlace(shape), as: Bool.self)
      if !isOrdinary {
        return WindowMaxima(shape).forward(input, output, winners: workspace.assumingMemoryBound(to: Int32.self))
      }
    }
    try plan(pooling, shape).forward.run(UnsafeMutableRawPointer(mutating: input), output, workspace)
  }

  public func poolingGradient(
    _ pooling: Pooling, _ shape: PoolingShape, outputGradient: ConstantFloats, inputGradient: Floats,
    workspace: UnsafeMutableRawPointer
  ) throws {
    if shape.batch == 0 { return }
    if pooling.isOfTiles(shape) { return AverageTiles(shape).backward(outputGradient, inputGradient) }
    if pooling == .maximum, try !workspace.load(fromByteOffset: flagPlace(shape), as: Bool.self) {
      let winners = UnsafePointer(workspace.assumingMemoryBound(to: Int32.self))
      return WindowMaxima(shape).backward(outputGradient, inputGradient, winners: winners)
    }
    try plan(pooling, shape).backward.run(inputGradient, UnsafeMutableRawPointer(mutating: outputGradient), workspace)
  }

  public func poolingWorkspaceByteCount(_ pooling: Pooling, _ shape: PoolingShape) throws -> Int {
    if pooling != .maximum || shape.batch == 0 { return 0 }
    return try flagPlace(shape) + 1
  }

  /// Behind what oneDNN keeps of the maxima, and what `WindowMaxima` does.
  private func flagPlace(_ shape: PoolingShape) throws -> Int {
    let winners = shape.output.elementCount(shape.layout) * MemoryLayout<Int32>.stride
    return max(winners, try plan(.maximum, shape).forward.byteCount(dnnl_query_workspace_md))
  }

  private struct PoolingKey: Hashable, Sendable {
    let shape: PoolingShape
    let pooling: Pooling
    let threads: Int?
  }
  private struct PoolingPlan: Sendable {
    let forward, backward: Primitive
  }
  private static let poolings = PrimitiveCache<PoolingKey, PoolingPlan>()

  private func plan(_ pooling: Pooling, _ shape: PoolingShape) throws -> PoolingPlan {
    try Self.poolings.value(for: PoolingKey(shape: shape, pooling: pooling, threads: options.threads)) {
      let engine = try Engine.shared.get()
      let input = try MemoryDescriptor(shape.input, shape.layout)
      let output = try MemoryDescriptor(shape.output, shape.layout)
      let stride = shape.stride.map(Int64.init)
      let kernel = shape.kernel.map(Int64.init)
      let padding = shape.padding.map(Int64.init)
      func describe(backward: Bool, hint: dnnl_primitive_desc_t?) -> dnnl_primitive_desc_t? {
        lockstep_pooling(
          backward ? 1 : 0, pooling.algorithm, &input.desc, &output.desc, stride, kernel, padding, padding, hint,
          engine.handle)
      }
      let forward = try Primitive(describe(backward: false, hint: nil), "pooling \(shape)")
      try forward.argument(DNNL_ARG_SRC, input)
      try forward.argument(DNNL_ARG_DST, output)
      let backward = try Primitive(describe(backward: true, hint: forward.descriptor), "pooling \(shape)")
      try backward.argument(DNNL_ARG_DIFF_SRC, input)
      try backward.argument(DNNL_ARG_DIFF_DST, output)
      if pooling == .maximum {
        try forward.argument(DNNL_ARG_WORKSPACE, dnnl_query_workspace_md)
        try backward.argument(DNNL_ARG_WORKSPACE, dnnl_query_workspace_md)
      }
      return PoolingPlan(forward: forward, backward: backward)
    }
  }
}

extension Pooling {
  fileprivate var algorithm: dnnl_alg_kind_t {
    switch self {
    case .maximum: dnnl_pooling_max
    case .average: dnnl_pooling_avg_include_padding
    case .averageInside: dnnl_pooling_avg_exclude_padding
    }
  }
}
