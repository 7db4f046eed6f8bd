import Kernels

extension Tensor {
  /// The maximum of each window of `[batch, channels, height, width]`, NaN where one is in it; its derivative goes to the
  /// maximum's place.
  public final func maxPooled(_ kernel: [Int], stride: [Int]? = nil, padding: [Int] = [0, 0]) -> Tensor {
    pooled(.maximum, kernel, stride ?? kernel, padding)
  }

  /// The mean of each window, padded zeros counted or not; its derivative is spread evenly over the window.
  public final func averagePooled(
    _ kernel: [Int], stride: [Int]? = nil, padding: [Int] = [0, 0], countingPadding: Bool = true
  ) -> Tensor {
    pooled(countingPadding || padding == [0, 0] ? .average : .averageInside, kernel, stride ?? kernel, padding)
  }

  /// The mean of each of `outputs` windows each way, window i from `⌊i n / outputs⌋` to `⌈(i + 1) n / outputs⌉`.
  public final func adaptivelyAveraged(_ outputs: [Int]) -> Tensor {
    attempt(as: rank == 4 && outputs.count == 2 ? Shape(Array(shape.prefix(2)) + outputs) : nil) {
      try averaged(to: outputs)
    }
  }

  private final func averaged(to outputs: [Int]) throws -> Tensor {
    guard rank == 4, outputs.count == 2, outputs.min() ?? 0 > 0, outputs.max() ?? 0 <= 1 << 20 else {
      throw TensorError("adaptive pooling", "shape \(shape) to \(outputs)")
    }
    let extents = Array(shape.suffix(2))
    // The kernels of pooling add a window in one chain of float32, good for small ones.
    let window = zip(extents, outputs).map { $0 / $1 }
    if extents.min() ?? 0 > 0, zip(extents, outputs).allSatisfy({ $0 % $1 == 0 }), window[0] <= 64 / window[1] {
      return averagePooled(window)
    }
    return windowMeans(2, outputs[0]).windowMeans(3, outputs[1])
  }

  /// The means of adaptive windows along one axis. Each is taken of its own elements alone, so that an infinity or NaN is in
  /// no mean but its windows'.
  private final func windowMeans(_ axis: Int, _ outputs: Int) -> Tensor {
    let inputs = shape[axis]
    let means = (0..<outputs).map { output in
      let end = ((output + 1) * inputs + outputs - 1) / outputs
      let window = TensorSelection.range(start: output * inputs / outputs, end: end, step: 1)
      let part = axis == 2 ? self[.all, .all, window] : self[.all, .all, .all, window]
      return part.mean(axis, keepingAxes: true)
    }
    return .concatenate(means, axis: axis)
  }

  private final func pooled(_ kind: Pooling, _ kernel: [Int], _ stride: [Int], _ padding: [Int]) -> Tensor {
    attempt(as: pooledShape(kernel, stride, padding)) { try pooling(kind, kernel, stride, padding) }
  }

  /// The result's shape, and about that where this does not fit.
  private final func pooledShape(_ kernel: [Int], _ stride: [Int], _ padding: [Int]) -> Shape {
    guard rank == 4, [kernel, stride, padding].allSatisfy({ $0.count == 2 }) else { return shape }
    let pixels = (0..<2).map { way in
      let places = shape[2 + way] &+ 2 &* padding[way] &- kernel[way]
      return places < 0 || stride[way] < 1 ? 1 : places / stride[way] + 1
    }
    return Shape(Array(shape.prefix(2)) + pixels)
  }

  private final func pooling(
    _ kind: Pooling, _ kernel: [Int], _ stride: [Int], _ padding: [Int]
  ) throws -> Tensor {
    guard rank == 4, dtype == .float32 else {
      throw TensorError("pooling", "needs float32 [batch, channels, height, width], not \(dtype) \(shape)")
    }
    guard [kernel, stride, padding].allSatisfy({ $0.count == 2 }), kernel.min() ?? 0 > 0, stride.min() ?? 0 > 0,
      padding.min() ?? -1 >= 0, (0..<2).allSatisfy({ padding[$0] <= kernel[$0] / 2 })
    else { throw TensorError("pooling", "kernel \(kernel), stride \(stride), padding \(padding)") }
    // Below this no product or sum of two of them overflows.
    let largest = (shape.extents + kernel + stride).max() ?? 0
    guard largest <= Int32.max, shape.extents.dropFirst().allSatisfy({ $0 > 0 }) else {
      throw TensorError("pooling", "extents of 0 or past 2³¹: input \(shape), kernel \(kernel), stride \(stride)")
    }
    var extents = PoolingShape(
      batch: shape[0], channels: shape[1], inHeight: shape[2], inWidth: shape[3], kernel: kernel, stride: stride,
      padding: padding)
    guard extents.outHeight > 0, extents.outWidth > 0 else {
      throw TensorError("pooling", "window \(kernel) is larger than the input \(shape)")
    }
    let kernels = KernelOptions.current.kernels
    let input = detached().images()
    let from = try input.imageMemory()
    extents.layout = from.layout
    let outShape: Shape = [shape[0], shape[1], extents.outHeight, extents.outWidth]
    let result = try Tensor(images: outShape, from.layout)
    let workspace = try Storage(byteCount: kernels.poolingWorkspaceByteCount(kind, extents))
    try kernels.pool(
      kind, extents, input: from.pointer, output: result.imageMemory().pointer, workspace: workspace.memory)
    let (whole, plan) = (shape, extents)
    return result.recorded(
      [self], function: "pooled", as: .pooling(kind, kernel, stride, padding)
    ) { gradient in
      // The places of maxima are kept in the layout of forward.
      let gradient = try gradient.images(in: plan.layout)
      let derivative = try Tensor(images: whole, plan.layout)
      try kernels.poolingGradient(
        kind, plan, outputGradient: gradient.imageMemory().pointer, inputGradient: derivative.imageMemory().pointer,
        workspace: workspace.memory)
      return [derivative]
    }
  }
}

extension TracedOperation {
  /// The maximum or mean of windows.
  fileprivate static func pooling(
    _ kind: Pooling, _ kernel: [Int], _ stride: [Int], _ padding: [Int]
  ) -> TracedOperation {
    var settings: [String: Setting] = [
      "kernel_shape": .ints(kernel), "strides": .ints(stride), "pads": .ints(padding + padding),
    ]
    if kind != .maximum { settings["count_include_pad"] = .int(kind == .average ? 1 : 0) }
    return TracedOperation(kind == .maximum ? "MaxPool" : "AveragePool", settings)
  }
}
