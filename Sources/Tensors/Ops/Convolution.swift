import Kernels

extension Tensor {
  /// Cross-correlation of `[batch, inChannels, height, width]` with weights
  /// `[outChannels, inChannels / groups, kernelHeight, kernelWidth]` and an optional bias `[outChannels]`, to
  /// `[batch, outChannels, (height + 2 padding - dilation (kernel - 1) - 1) / stride + 1, …]`.
  ///
  /// Derivatives are convolutions too: the input's of g with the weights, the weights' of the input with g, the bias' the
  /// sum of g; where a ReLU has joined the kernel (Owing.swift), g is what passes it. Activations lie channels-last in
  /// memory from here on, or in blocks of channels where the input does; the input's derivative is left out for data.
  public final func convolved(
    _ weights: Tensor, bias: Tensor? = nil, stride: [Int] = [1, 1], padding: [Int] = [0, 0],
    dilation: [Int] = [1, 1], groups: Int = 1
  ) -> Tensor {
    attempt(weights, bias, as: convolvedShape(weights, stride, padding, dilation), .float32) {
      try convolution(weights, bias, stride, padding, dilation, groups)
    }
  }

  private final func convolution(
    _ weights: Tensor, _ bias: Tensor?, _ stride: [Int], _ padding: [Int], _ dilation: [Int], _ groups: Int
  ) throws -> Tensor {
    let extents = try convolutionShape(weights, bias, stride, padding, dilation, groups)
    let kernels = KernelOptions.current.kernels
    let operation = TracedOperation(
      "Conv",
      [
        "strides": .ints(stride), "pads": .ints(padding + padding), "dilations": .ints(dilation), "group": .int(groups),
      ])
    if let halves = kernels.halves { return try halfConvolution(weights, bias, extents, halves, as: operation) }
    let (input, kernel) = (detached().images(), weights.detached().packed())
    let offsets = bias?.packed()
    let outShape: Shape = [extents.batch, extents.outChannels, extents.outHeight, extents.outWidth]
    let layout = try input.imageMemory().layout
    let sources = [input, kernel] + (offsets.map { [$0] } ?? [])
    let own = outline
    return try .owed(outShape, strides: outShape.channelsLastStrides, reading: sources, pools: true) { thenReLU in
      let result = try Tensor(images: outShape, layout)
      let (from, to) = (try input.imageMemory(), try result.imageMemory())
      try kernels.convolve(
        extents.lying(from.layout, to.layout), input: from.pointer, weights: kernel.weights(), bias: offsets?.pointer(),
        output: to.pointer, thenReLU: thenReLU)
      return result
    } record: { result, ending in
      let kept = ending.isCut ? result.detached() : nil
      return result.recorded(
        [self, weights] + (bias.map { [$0] } ?? []), needing: input, kernel, kept, function: "convolved",
        as: operation
      ) { gradient in
        gradient = gradient.images()
        if let kept {
          gradient = try gradient.images(in: kept.imageMemory().layout)
          gradient = try .past(.relu, &gradient, kept)
        }
        if case .pooledReLU(let pass) = ending { gradient = try pass.derivative(gradient) }
        // As they lie now: an operator without blocks may have brought either to channels-last since.
        let (of, from) = (try gradient.imageMemory(), try input.imageMemory())
        let extents = extents.lying(from.layout, of.layout)
        return try Tensor.convolutionDerivatives(own, weights, bias) {
          let derivative = try Tensor(images: own.shape, from.layout)
          try kernels.convolutionInputGradient(
            extents, outputGradient: of.pointer, weights: kernel.weights(),
            inputGradient: derivative.imageMemory().pointer)
          return derivative
        } ofWeights: { derivative, biasDerivative in
          try kernels.convolutionWeightsGradient(
            extents, input: from.pointer, outputGradient: of.pointer, weightsGradient: derivative,
            biasGradient: biasDerivative)
        }
      }
    }
  }

  /// The derivatives of a convolution's input, weights and bias, as far as they are asked for: `ofInput` computes the first,
  /// `ofWeights` writes the others, in float32.
  static func convolutionDerivatives(
    _ input: Outline, _ weights: Tensor, _ bias: Tensor?, ofInput: () throws -> Tensor,
    ofWeights: (Floats, Floats?) throws -> Void
  ) throws -> [Tensor?] {
    let derivative = input.tracksGradient ? try ofInput() : nil
    guard weights.tracksGradient || bias?.tracksGradient ?? false else { return [derivative, nil, nil] }
    let ofWeight = try Tensor(uninitialized: weights.shape, .float32)
    let ofBias = try bias.map { try Tensor(uninitialized: $0.shape, .float32) }
    if input.shape[0] == 0 {
      ofWeight.fill(0)
      ofBias?.fill(0)
    }
    try ofWeights(ofWeight.pointer(), ofBias?.pointer())
    return [derivative, ofWeight, ofBias]
  }

  /// The result's shape, and about that where this does not fit.
  private final func convolvedShape(
    _ weights: Tensor, _ stride: [Int], _ padding: [Int], _ dilation: [Int]
  ) -> Shape {
    guard rank == 4, weights.rank == 4, [stride, padding, dilation].allSatisfy({ $0.count == 2 }) else { return shape }
    let pixels = (0..<2).map { way in
      let window = dilation[way] &* (weights.shape[2 + way] &- 1) &+ 1
      let places = shape[2 + way] &+ 2 &* padding[way] &- window
      return places < 0 || stride[way] < 1 ? 1 : places / stride[way] + 1
    }
    return Shape([shape[0], weights.shape[0]] + pixels)
  }

  private final func convolutionShape(
    _ weights: Tensor, _ bias: Tensor?, _ stride: [Int], _ padding: [Int], _ dilation: [Int], _ groups: Int
  ) throws -> ConvolutionShape {
    guard rank == 4, weights.rank == 4 else {
      throw TensorError(
        "convolution", "needs [batch, channels, height, width] and 4 axes of weights, not \(shape) and \(weights.shape)"
      )
    }
    guard dtype == .float32, weights.dtype == .float32, bias?.dtype ?? .float32 == .float32 else {
      throw TensorError("convolution", "works on float32, not \(dtype) and \(weights.dtype)")
    }
    guard [stride, padding, dilation].allSatisfy({ $0.count == 2 }), stride.min() ?? 0 > 0, padding.min() ?? -1 >= 0,
      dilation.min() ?? 0 > 0
    else { throw TensorError("convolution", "stride \(stride), padding \(padding), dilation \(dilation)") }
    // Below this no product or sum of two of them overflows.
    let largest = (shape.extents + weights.shape.extents + stride + padding + dilation + [groups]).max() ?? 0
    guard largest <= Int32.max, (shape.extents + weights.shape.extents).dropFirst().allSatisfy({ $0 > 0 }) else {
      throw TensorError(
        "convolution", "extents of 0 or past 2³¹: input \(shape), weights \(weights.shape), padding \(padding)")
    }
    let outChannels = weights.shape[0]
    guard groups > 0, shape[1] == weights.shape[1] * groups, outChannels % groups == 0 else {
      throw TensorError(
        "convolution",
        "input of \(shape[1]) channels does not fit weights \(weights.shape)"
          + (groups == 1 ? "" : " in \(groups) groups"))
    }
    guard bias.map({ $0.shape == [outChannels] }) ?? true else {
      throw TensorError("convolution", "bias of shape \(bias?.shape ?? []) for \(outChannels) channels")
    }
    let extents = ConvolutionShape(
      batch: shape[0], inChannels: shape[1], inHeight: shape[2], inWidth: shape[3], outChannels: outChannels,
      kernelHeight: weights.shape[2], kernelWidth: weights.shape[3], stride: stride, padding: padding,
      dilation: dilation, groups: groups)
    guard extents.outHeight > 0, extents.outWidth > 0 else {
      throw TensorError("convolution", "kernel \(weights.shape.suffix(2).map { $0 }) is larger than the input \(shape)")
    }
    return extents
  }
}

extension ConvolutionShape {
  /// The same with activations that lie so in memory.
  fileprivate func lying(_ input: ImageLayout, _ output: ImageLayout) -> ConvolutionShape {
    var result = self
    (result.inLayout, result.outLayout) = (input, output)
    return result
  }
}
