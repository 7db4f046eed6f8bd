import Kernels

extension Tensor {
  /// The maximum of each window of `[batch, channels, height, width]`, NaN where one is in it; its derivative goes to the
  /// maximum's place.
  ///
  /// - Parameters:
  ///   - kernel: the window's height and width.
  ///   - stride: how far it moves; by its own size unless said otherwise.
  ///   - padding: what is put around the image; never the maximum.
  ///   - ceilMode: whether windows that begin in the image and end behind it are there, too: PyTorch's `ceil_mode`.
  public final func maxPooled(
    _ kernel: [Int], stride: [Int]? = nil, padding: [Int] = [0, 0], ceilMode: Bool = false
  ) -> Tensor {
    pooled(.maximum, kernel, stride ?? kernel, padding, ceilMode)
  }

  /// The mean of each window, padded zeros counted or not; its derivative is spread evenly over the window. What a window of
  /// `ceilMode` has behind image and padding does not count.
  public final func averagePooled(
    _ kernel: [Int], stride: [Int]? = nil, padding: [Int] = [0, 0], ceilMode: Bool = false,
    countingPadding: Bool = true
  ) -> Tensor {
    pooled(
      countingPadding || padding == [0, 0] ? .average : .averageInside, kernel, stride ?? kernel, padding, ceilMode)
  }

  private final func pooled(
    _ kind: Pooling, _ kernel: [Int], _ stride: [Int], _ padding: [Int], _ ceilMode: Bool
  ) -> Tensor {
    let outShape = pooledShape(kernel, stride, padding, ceilMode)
    // Before anybody looks at what it is of.
    do {
      if kind == .maximum, !ceilMode, let joined = try joinedByPooling(kernel, stride, padding) { return joined }
    } catch {
      return Tensor(fault: error, outShape, dtype)
    }
    return attempt(as: outShape) {
      guard ceilMode else { return try pooling(kind, kernel, stride, padding) }
      try checkPooling(kernel, stride, padding)
      let windows = (0..<2).map { WindowsRoundedUp(shape[2 + $0], kernel[$0], stride[$0], padding[$0]) }
      if windows.contains(where: { $0.count == 0 }) || windows.allSatisfy({ $0.overhang == 0 }) {
        return try pooling(kind, kernel, stride, padding)
      }
      return try pooling(kind, kernel, stride, padding, windows)
    }
  }

  /// Windows that end behind the padding, of a larger image.
  private final func pooling(
    _ kind: Pooling, _ kernel: [Int], _ stride: [Int], _ padding: [Int], _ windows: [WindowsRoundedUp]
  ) throws -> Tensor {
    let larger = [0, windows[1].overhang, 0, windows[0].overhang]
    if kind == .maximum {
      return try padded(larger, .constant(-.infinity)).pooling(.maximum, kernel, stride, padding)
    }
    let means = try padded(larger).pooling(.average, kernel, stride, padding)
    let counts = windows.map { $0.counts(withPadding: kind == .average) }
    let size = Double(kernel[0]) * Double(kernel[1])
    let factors = counts[0].flatMap { rows in counts[1].map { Float(size / (rows * $0)) } }
    return means * Tensor(factors, shape: [counts[0].count, counts[1].count])
  }

  /// The result's shape, and about that where this does not fit.
  private final func pooledShape(_ kernel: [Int], _ stride: [Int], _ padding: [Int], _ ceilMode: Bool) -> Shape {
    guard rank == 4, [kernel, stride, padding].allSatisfy({ $0.count == 2 }) else { return shape }
    let pixels = (0..<2).map { way in
      let places = shape[2 + way] &+ 2 &* padding[way] &- kernel[way]
      if ceilMode, (try? checkPooling(kernel, stride, padding)) != nil {
        return Swift.max(WindowsRoundedUp(shape[2 + way], kernel[way], stride[way], padding[way]).count, 1)
      }
      return places < 0 || stride[way] < 1 ? 1 : places / stride[way] + 1
    }
    return Shape(Array(shape.prefix(2)) + pixels)
  }

  private final func checkPooling(_ kernel: [Int], _ stride: [Int], _ padding: [Int]) throws {
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
  }

  private final func pooling(
    _ kind: Pooling, _ kernel: [Int], _ stride: [Int], _ padding: [Int]
  ) throws -> Tensor {
    let extents = try poolingExtents(kernel, stride, padding)
    let (kernels, operation) = (KernelOptions.current.kernels, TracedOperation.pooling(kind, kernel, stride, padding))
    if isHalf, kernels.halves != nil { return try halfPooling(kind, extents, kernels, as: operation) }
    let (result, pass) = try PoolingPass.run(kind, extents, detached().images(), kernels)
    return result.recorded([self], function: "pooled", as: operation) { [try pass.derivative($0)] }
  }

  /// The maxima in one go with the kernel that still owes this, if there is one.
  private final func joinedByPooling(_ kernel: [Int], _ stride: [Int], _ padding: [Int]) throws -> Tensor? {
    guard storage.debt != nil else { return nil }
    let extents = try poolingExtents(kernel, stride, padding)
    let kernels = KernelOptions.current.kernels
    let joined = try joined { try PoolingPass.run(.maximum, extents, $0, kernels) }
    return joined?.traced([self], as: .pooling(.maximum, kernel, stride, padding))
  }

  private final func poolingExtents(_ kernel: [Int], _ stride: [Int], _ padding: [Int]) throws -> PoolingShape {
    try checkPooling(kernel, stride, padding)
    let extents = PoolingShape(
      batch: shape[0], channels: shape[1], inHeight: shape[2], inWidth: shape[3], kernel: kernel, stride: stride,
      padding: padding)
    guard extents.outHeight > 0, extents.outWidth > 0 else {
      throw TensorError("pooling", "window \(kernel) is larger than the input \(shape)")
    }
    return extents
  }
}

/// One use of a pooling: what its derivative needs to know, which is nothing of the images.
final class PoolingPass {
  private let kind: Pooling
  private let extents: PoolingShape
  private let shape: Shape
  private let kernels: any Backend
  /// Where the maxima are, in the layout of forward.
  private let workspace: Storage

  private init(
    _ kind: Pooling, _ extents: PoolingShape, _ shape: Shape, _ kernels: any Backend, _ workspace: Storage
  ) {
    (self.kind, self.extents, self.shape, self.kernels, self.workspace) = (kind, extents, shape, kernels, workspace)
  }

  /// The maxima or means of images, not recorded.
  static func run(
    _ kind: Pooling, _ extents: PoolingShape, _ images: Tensor, _ kernels: any Backend
  ) throws -> (result: Tensor, pass: PoolingPass) {
    let from = try images.imageMemory()
    var extents = extents
    extents.layout = from.layout
    let result = try Tensor(images: extents.outShape, from.layout)
    let workspace = try Storage(byteCount: kernels.poolingWorkspaceByteCount(kind, extents))
    try kernels.pool(
      kind, extents, input: from.pointer, output: result.imageMemory().pointer, workspace: try workspace.memory)
    return (result, PoolingPass(kind, extents, images.shape, kernels, workspace))
  }

  func derivative(_ gradient: Tensor) throws -> Tensor {
    let gradient = try gradient.images(in: extents.layout)
    let derivative = try Tensor(images: shape, extents.layout)
    try kernels.poolingGradient(
      kind, extents, outputGradient: gradient.imageMemory().pointer, inputGradient: derivative.imageMemory().pointer,
      workspace: try workspace.memory)
    return derivative
  }
}

extension PoolingShape {
  var outShape: Shape { [batch, channels, outHeight, outWidth] }
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

/// The windows along an axis of which the last may end behind the padding.
private struct WindowsRoundedUp {
  private let extent, kernel, stride, padding: Int
  /// How many there are: none where one is larger than the padded image by its stride.
  let count: Int
  /// How much the last one has behind the padding.
  let overhang: Int

  /// Of extents that `checkPooling` has seen.
  init(_ extent: Int, _ kernel: Int, _ stride: Int, _ padding: Int) {
    (self.extent, self.kernel, self.stride, self.padding) = (extent, kernel, stride, padding)
    let span = extent + 2 * padding - kernel
    let rounded = span <= -stride ? 0 : (span + stride - 1) / stride + 1
    // One that begins in the padding behind the image has nothing to look at.
    count = rounded > 0 && (rounded - 1) * stride >= extent + padding ? rounded - 1 : rounded
    overhang = max((count - 1) * stride - span, 0)
  }

  /// How many samples each window counts.
  func counts(withPadding: Bool) -> [Double] {
    (0..<count).map { index in
      let start = index * stride - padding
      let end = min(start + kernel, extent + (withPadding ? padding : 0))
      return Double(end - (withPadding ? start : max(start, 0)))
    }
  }
}
