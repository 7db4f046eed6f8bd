import Kernels

extension Tensor {
  /// The transposed convolution of `[batch, inChannels, height, width]` with weights
  /// `[inChannels, outChannels / groups, kernelHeight, kernelWidth]` and an optional bias `[outChannels]`, to
  /// `[batch, outChannels, (height - 1) stride - 2 padding + dilation (kernel - 1) + outputPadding + 1, …]`: PyTorch's
  /// `conv_transpose2d`. Each element of the input adds the kernel, so many times, at its place of the output.
  ///
  /// It is the input's derivative of the convolution from output to input, by the same kernel. So its own derivatives are that
  /// convolution of g for the input, the weights' derivative of that convolution, and the sum of g for the bias.
  ///
  /// - Parameters:
  ///   - weights: float32.
  ///   - bias: what is added to each output channel.
  ///   - stride: how far apart the elements of the input are put.
  ///   - padding: what is cut off around the output.
  ///   - outputPadding: what the output has more below and right; less than the stride or the dilation.
  ///   - groups: parts that the channels are cut into.
  ///   - dilation: how far apart the kernel's elements are put.
  public final func transposeConvolved(
    _ weights: Tensor, bias: Tensor? = nil, stride: [Int] = [1, 1], padding: [Int] = [0, 0],
    outputPadding: [Int] = [0, 0], groups: Int = 1, dilation: [Int] = [1, 1]
  ) -> Tensor {
    attempt(weights, bias) {
      let extents = try transposedShape(weights, bias, stride, padding, outputPadding, groups, dilation)
      guard zip(outputPadding, stride).allSatisfy(<) else {
        // No convolution has an output that reaches further: the whole one, of which the same rows and columns are taken.
        let whole = transposeConvolved(weights, stride: stride, groups: groups, dilation: dilation)
        guard whole.fault == nil else { return whole }
        let behind = [extents.inHeight - whole.shape[2], extents.inWidth - whole.shape[3]]
        let cut = whole.padded([-padding[1], behind[1] + padding[1], -padding[0], behind[0] + padding[0]])
        return bias.map { cut + $0.reshaped([1, -1, 1, 1]) } ?? cut
      }
      let options: [String: TracedOperation.Setting] = [
        "strides": .ints(stride), "pads": .ints(padding + padding), "output_padding": .ints(outputPadding),
        "dilations": .ints(dilation), "group": .int(groups),
      ]
      return try transposedConvolution(weights, bias, extents, options)
    }
  }

  private final func transposedConvolution(
    _ weights: Tensor, _ bias: Tensor?, _ extents: ConvolutionShape, _ options: [String: TracedOperation.Setting]
  ) throws -> Tensor {
    let kernels = KernelOptions.current.kernels
    let (input, kernel) = (detached().channelsLast(), weights.detached().packed())
    let outShape: Shape = [extents.batch, extents.inChannels, extents.inHeight, extents.inWidth]
    let result = try Tensor(images: outShape, .channelsLast)
    if extents.batch > 0 {
      try kernels.convolutionInputGradient(
        extents, outputGradient: input.pointer(), weights: kernel.weights(), inputGradient: result.pointer())
    }
    if let bias { try result.addToChannels(bias.detached().packed()) }
    let own = outline
    return result.recorded(
      [self, weights] + (bias.map { [$0] } ?? []), needing: input, kernel, function: "transposeConvolved",
      as: TracedOperation("ConvTranspose", options)
    ) { gradient in
      let gradient = gradient.channelsLast()
      var derivatives: [Tensor?] = [nil, nil, nil]
      if own.tracksGradient {
        let derivative = try Tensor(images: own.shape, .channelsLast)
        try kernels.convolve(
          extents, input: gradient.pointer(), weights: kernel.weights(), bias: nil, output: derivative.pointer(),
          thenReLU: false)
        derivatives[0] = derivative
      }
      if weights.tracksGradient {
        let derivative = Tensor.zeros(weights.shape)
        if extents.batch > 0 {
          try kernels.convolutionWeightsGradient(
            extents, input: gradient.pointer(), outputGradient: input.pointer(), weightsGradient: derivative.pointer(),
            biasGradient: nil)
        }
        derivatives[1] = derivative
      }
      if bias?.tracksGradient ?? false { derivatives[2] = gradient.sum([0, 2, 3]) }
      return derivatives
    }
  }

  /// Adds a number for each channel to channels-last images. Not recorded.
  private final func addToChannels(_ bias: Tensor) throws {
    let (target, addend) = (try pointer(Float.self), try bias.pointer(Float.self))
    let channels = shape[1]
    for pixel in 0..<shape[0] * shape[2] * shape[3] {
      for channel in 0..<channels { target[pixel * channels + channel] += addend[channel] }
    }
  }

  /// The convolution from the output to this tensor.
  private final func transposedShape(
    _ weights: Tensor, _ bias: Tensor?, _ stride: [Int], _ padding: [Int], _ outputPadding: [Int], _ groups: Int,
    _ dilation: [Int]
  ) throws -> ConvolutionShape {
    let name = "transposed convolution"
    guard rank == 4, weights.rank == 4, dtype == .float32, weights.dtype == .float32,
      bias?.dtype ?? .float32 == .float32
    else {
      throw TensorError(
        name,
        "needs float32 [batch, channels, height, width] and 4 axes of weights, not \(dtype) \(shape) and "
          + "\(weights.dtype) \(weights.shape)")
    }
    let options = [stride, padding, outputPadding, dilation]
    guard options.allSatisfy({ $0.count == 2 && $0.min() ?? -1 >= 0 }), stride.min() ?? 0 > 0, dilation.min() ?? 0 > 0,
      (0..<2).allSatisfy({ outputPadding[$0] < Swift.max(stride[$0], dilation[$0]) })
    else {
      throw TensorError(
        name, "stride \(stride), padding \(padding), output padding \(outputPadding), dilation \(dilation)")
    }
    let all = shape.extents + weights.shape.extents
    guard (all + options.flatMap { $0 } + [groups]).max() ?? 0 <= 1 << 30, all.dropFirst().allSatisfy({ $0 > 0 }),
      groups > 0
    else {
      throw TensorError(
        name, "extents of 0 or past 2³⁰: input \(shape), weights \(weights.shape), padding \(padding), \(groups) groups"
      )
    }
    let outChannels = weights.shape[1] * groups
    guard weights.shape[0] == shape[1], shape[1] % groups == 0, bias?.shape ?? [outChannels] == [outChannels]
    else {
      throw TensorError(
        name, "input \(shape), weights \(weights.shape), bias \(bias?.shape ?? [outChannels]), \(groups) groups")
    }
    // Of numbers up to 2³⁰ no sum of products overflows.
    let pixels = (0..<2).map { way -> Int in
      let apart: Int = (shape[2 + way] - 1) * stride[way] - 2 * padding[way]
      let window: Int = dilation[way] * (weights.shape[2 + way] - 1)
      return apart + window + outputPadding[way] + 1
    }
    guard pixels.allSatisfy({ (1...Int(Int32.max)).contains($0) }), outChannels <= Int32.max else {
      throw TensorError(name, "input \(shape) and weights \(weights.shape) give \(outChannels) channels of \(pixels)")
    }
    return ConvolutionShape(
      batch: shape[0], inChannels: outChannels, inHeight: pixels[0], inWidth: pixels[1], outChannels: shape[1],
      kernelHeight: weights.shape[2], kernelWidth: weights.shape[3], stride: stride, padding: padding,
      dilation: dilation, groups: groups)
  }
}
