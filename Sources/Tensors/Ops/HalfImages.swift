import Kernels

// The operators of images whose kernels read and write bf16: in half precision convolutions always, the others where what comes in
// lies so.

extension Tensor {
  /// `convolved` in half precision: input, output and their gradients as bf16, the weights' gradients float32.
  final func halfConvolution(
    _ weights: Tensor, _ bias: Tensor?, _ extents: ConvolutionShape, _ halves: HalfKernels,
    as operation: TracedOperation
  ) throws -> Tensor {
    let (input, kernel) = (try detached().halfImages(), weights.detached().packed())
    let offsets = bias?.packed()
    let outShape: Shape = [extents.batch, extents.outChannels, extents.outHeight, extents.outWidth]
    let sources = [input, kernel] + (offsets.map { [$0] } ?? [])
    let own = outline
    return try .owed(outShape, strides: outShape.channelsLastStrides, reading: sources) { thenReLU in
      let result = try Tensor(halves: outShape, strides: outShape.channelsLastStrides)
      try halves.convolve(
        extents, input: input.halfImages().halfPointer(), weights: kernel.weights(), bias: offsets?.pointer(),
        output: result.halfPointer(), thenReLU: thenReLU)
      return result
    } record: { result, ending in
      let kept = ending.isCut ? result.detached() : nil
      return result.recorded(
        [self, weights] + (bias.map { [$0] } ?? []), needing: input, kernel, kept, function: "convolved", as: operation
      ) { gradient in
        var gradient = try gradient.halfImages()
        if let kept { gradient = try .past(.relu, &gradient, kept.halfImages()) }
        return try Tensor.convolutionDerivatives(own, weights, bias) {
          let derivative = try Tensor(halves: own.shape, strides: own.shape.channelsLastStrides)
          try halves.convolutionInputGradient(
            extents, outputGradient: gradient.halfPointer(), weights: kernel.weights(),
            inputGradient: derivative.halfPointer())
          return derivative
        } ofWeights: { derivative, biasDerivative in
          // As it lies now: somebody may have read it as float32 since.
          try halves.convolutionWeightsGradient(
            extents, input: input.halfImages().halfPointer(), outputGradient: gradient.halfPointer(),
            weightsGradient: derivative, biasGradient: biasDerivative)
        }
      }
    }
  }

  /// `pooled`, of what lies as bf16.
  final func halfPooling(
    _ kind: Pooling, _ extents: PoolingShape, _ kernels: any Backend, as operation: TracedOperation
  ) throws -> Tensor {
    let (halves, input) = (HalfKernels.standard, try detached().halfImages())
    let result = try Tensor(halves: extents.outShape, strides: extents.outShape.channelsLastStrides)
    let workspace = try Storage(byteCount: kernels.poolingWorkspaceByteCount(kind, extents))
    try halves.pool(
      kind, extents, input: input.halfPointer(), output: result.halfPointer(), workspace: workspace.memory)
    let whole = shape
    return result.recorded([self], function: "pooled", as: operation) { gradient in
      let gradient = try gradient.halfImages()
      let derivative = try Tensor(halves: whole, strides: whole.channelsLastStrides)
      try halves.poolingGradient(
        kind, extents, outputGradient: gradient.halfPointer(), inputGradient: derivative.halfPointer(),
        workspace: workspace.memory)
      return [derivative]
    }
  }
}

/// The passes of batch normalisation over memory as it lies.
extension Tensor {
  final func moments(
    _ rows: NormalizedBatch, _ kernels: any Backend
  ) throws -> (mean: [Double], deviations: [Double]) {
    isHalf ? try HalfKernels.standard.moments(rows, halfPointer()) : try kernels.moments(rows, pointer())
  }

  final func normalized(_ rows: NormalizedBatch, _ affine: ChannelAffine, _ kernels: any Backend) throws -> Tensor {
    let result = try alike()
    if isHalf {
      try HalfKernels.standard.normalize(rows, halfPointer(), affine, output: result.halfPointer())
    } else {
      try kernels.normalize(rows, pointer(), affine, output: result.pointer())
    }
    return result
  }

  /// An output's gradient as this input lies.
  final func normalizationGradient(_ gradient: Tensor) throws -> Tensor {
    isHalf ? try gradient.halfImages() : rank == 4 ? gradient.channelsLast() : gradient.packed()
  }

  final func normalizationSums(
    _ rows: NormalizedBatch, _ gradient: Tensor, mean: [Float], _ affine: ChannelAffine, _ kernels: any Backend
  ) throws -> (gradient: [Double], product: [Double]) {
    isHalf
      ? try HalfKernels.standard.normalizationSums(rows, halfPointer(), gradient.halfPointer(), mean: mean, affine)
      : try kernels.normalizationSums(rows, pointer(), gradient.pointer(), mean: mean, affine)
  }

  final func normalizationGradient(
    _ rows: NormalizedBatch, _ gradient: Tensor, a: [Float], b: [Float], c: [Float], _ affine: ChannelAffine,
    _ kernels: any Backend
  ) throws -> Tensor {
    let result = try alike()
    if isHalf {
      try HalfKernels.standard.normalizationGradient(
        rows, halfPointer(), gradient.halfPointer(), a: a, b: b, c: c, affine, result: result.halfPointer())
    } else {
      try kernels.normalizationGradient(
        rows, pointer(), gradient.pointer(), a: a, b: b, c: c, affine, result: result.pointer())
    }
    return result
  }
}
