import CVectors

/// Convolutions as in `Native+Convolution.swift`. Winograd's transforms are rounded to bf16, which costs about six times the error of
/// the definition's products; direct convolutions need pairs of channels and have no gradient of weights in bf16 yet.
extension HalfKernels {
  /// `output = input ∗ weights + bias`, and `max(0, ·)` of it where a ReLU follows.
  public func convolve(
    _ shape: ConvolutionShape, input: ConstantHalves, weights: Weights, bias: ConstantFloats?, output: Halves,
    thenReLU: Bool
  ) throws {
    try KernelMeters.within(.convolution, of: .convolution(shape, .forward)) {
      if pass(shape, isGradient: false, input, weights, bias, cuts: thenReLU, output) { return }
      let (ins, outs) = (shape.input.imageCount(.channelsLast), shape.output.imageCount(.channelsLast))
      for images in groups(of: shape.batch, elements: ins + outs) {
        try ofImages(shape, images, input + images.lowerBound * ins, output + images.lowerBound * outs) {
          try native.convolve($0, input: $1, weights: weights, bias: bias, output: $2, thenReLU: thenReLU)
        }
      }
    }
  }

  /// The gradient with respect to the input.
  public func convolutionInputGradient(
    _ shape: ConvolutionShape, outputGradient: ConstantHalves, weights: Weights, inputGradient: Halves
  ) throws {
    try KernelMeters.within(.convolution, of: .convolution(shape, .inputGradient)) {
      if pass(shape, isGradient: true, outputGradient, weights, nil, cuts: false, inputGradient) { return }
      let (ins, outs) = (shape.input.imageCount(.channelsLast), shape.output.imageCount(.channelsLast))
      for images in groups(of: shape.batch, elements: ins + outs) {
        try ofImages(
          shape, images, outputGradient + images.lowerBound * outs, inputGradient + images.lowerBound * ins,
          isGradient: true
        ) {
          try native.convolutionInputGradient($0, outputGradient: $1, weights: weights, inputGradient: $2)
        }
      }
    }
  }

  /// The gradients with respect to weights and bias, float32.
  public func convolutionWeightsGradient(
    _ shape: ConvolutionShape, input: ConstantHalves, outputGradient: ConstantHalves, weightsGradient: Floats,
    biasGradient: Floats?
  ) throws {
    try KernelMeters.within(.convolution, of: .convolution(shape, .weightsGradient)) {
      if shape.batch == 0 { return }
      if usesWinograd(shape) {
        winogradWeights(shape, input, outputGradient, weightsGradient)
      } else {
        try weightsInFloats(shape, input, outputGradient, weightsGradient)
      }
      guard let biasGradient else { return }
      let rows = NormalizedBatch(
        rows: shape.batch * shape.outHeight * shape.outWidth, channels: shape.outChannels)
      for (channel, sum) in sums(rows, outputGradient).enumerated() { biasGradient[channel] = Float(sum) }
    }
  }

  /// Products cost half as much as in float32, transforms the same.
  private func usesWinograd(_ shape: ConvolutionShape) -> Bool { native.usesWinograd(shape, transformCost: 16) }

  /// From the input to the output, or from the output's gradient to the input's; false where there is no kernel of bf16.
  private func pass(
    _ shape: ConvolutionShape, isGradient: Bool, _ images: ConstantHalves, _ weights: Weights, _ bias: ConstantFloats?,
    cuts: Bool, _ result: Halves
  ) -> Bool {
    if shape.batch == 0 { return true }
    let (kernels, parts, extents) = (kernels, native.parts(shape), shape.native)
    let (flag, cut) = (isGradient ? 1 : 0 as Int32, cuts ? 1 : 0 as Int32)
    let isWinograd = usesWinograd(shape)
    if !isWinograd && (isGradient ? shape.outChannels : shape.inChannels) / shape.groups % 2 != 0 { return false }
    withPacked(shape, weights, isGradient: isGradient, isWinograd: isWinograd) { packed in
      let scratch = withUnsafePointer(to: extents) {
        isWinograd ? kernels.winograd_scratch_count($0, flag) : kernels.convolve_scratch_count($0, flag)
      }
      native.inParts(parts, extents, scratch: scratch) { shape, part, scratch in
        if isWinograd {
          kernels.winograd_convolve(shape, flag, images, packed, bias, cut, result, scratch, part, parts)
        } else {
          kernels.convolve(shape, flag, images, packed, bias, cut, result, scratch, part, parts)
        }
      }
    }
    return true
  }

  private func winogradWeights(
    _ shape: ConvolutionShape, _ input: ConstantHalves, _ gradient: ConstantHalves, _ result: Floats
  ) {
    let (kernels, parts, extents) = (kernels, native.parts(shape), shape.native)
    let scratch = withUnsafePointer(to: extents) { kernels.winograd_gradient_scratch_count($0, parts) }
    native.inParts(parts, extents, scratch: scratch) {
      kernels.winograd_weights_gradient($0, input, gradient, result, $2, $1, parts)
    }
  }

  /// In float32, of so many images at a time that adding up the weights' gradients costs little beside making them.
  private func weightsInFloats(
    _ shape: ConvolutionShape, _ input: ConstantHalves, _ gradient: ConstantHalves, _ result: Floats
  ) throws {
    let (ins, outs) = (shape.input.imageCount(.channelsLast), shape.output.imageCount(.channelsLast))
    let weights = shape.weightExtents.reduce(1, *)
    let most = max(262_144, 4 * weights)
    for images in groups(of: shape.batch, elements: ins + outs, most: most) {
      try ScratchMemory.floats(weights + images.count * (ins + outs)) { scratch in
        let (inputs, gradients) = (scratch + weights, scratch + weights + images.count * ins)
        widen(input + images.lowerBound * ins, into: inputs, count: images.count * ins)
        widen(gradient + images.lowerBound * outs, into: gradients, count: images.count * outs)
        try native.convolutionWeightsGradient(
          shape.ofImages(images.count), input: inputs, outputGradient: gradients,
          weightsGradient: images.lowerBound == 0 ? result : scratch, biasGradient: nil)
        if images.lowerBound > 0 { ElementShares.run(weights) { for i in $0 { result[i] += scratch[i] } } }
      }
    }
  }

  /// Calls `body` with some images as float32, and memory for what becomes of them.
  private func ofImages(
    _ shape: ConvolutionShape, _ images: Range<Int>, _ source: ConstantHalves, _ target: Halves,
    isGradient: Bool = false, _ body: (ConvolutionShape, ConstantFloats, Floats) throws -> Void
  ) rethrows {
    let some = shape.ofImages(images.count)
    let (ins, outs) = (some.input.elementCount(.channelsLast), some.output.elementCount(.channelsLast))
    let (from, to) = isGradient ? (outs, ins) : (ins, outs)
    try ScratchMemory.floats(from + to) { scratch in
      widen(source, into: scratch, count: from)
      try body(some, scratch, scratch + from)
      narrow(scratch + from, into: target, count: to)
    }
  }

  private func withPacked(
    _ shape: ConvolutionShape, _ weights: Weights, isGradient: Bool, isWinograd: Bool, _ body: (ConstantFloats) -> Void
  ) {
    let (kernels, extents, flag) = (kernels, shape.native, isGradient ? 1 : 0 as Int32)
    let (ins, outs) = (shape.inChannels / shape.groups, shape.outChannels / shape.groups)
    let (inner, across) = isGradient ? (outs, ins) : (ins, outs)
    let lanes = (across + kernels.width - 1) / kernels.width * kernels.width
    let panel = (inner + 1) / 2 * lanes
    let kind: PackedWeights.Form.Kind =
      switch (isWinograd, isGradient) {
      case (true, false): .winograd
      case (true, true): .winogradGradient
      case (false, false): .convolution
      case (false, true): .convolutionGradient
      }
    let form = native.form(kind, of: weights, shape, isHalf: true)
    guard isWinograd else {
      let count = shape.groups * shape.kernelHeight * shape.kernelWidth * panel
      return native.withForm(form, weights.packed, count: count, body) { panels in
        withUnsafePointer(to: extents) { kernels.pack_convolution($0, flag, weights.data, panels) }
      }
    }
    let parts = KernelThreads.parts(ofWork: 8, 36, panel)
    native.withForm(form, weights.packed, count: 36 * panel, body) { packed in
      native.inParts(parts, extents) { kernels.winograd_pack($0, flag, weights.data, packed, $1, parts) }
    }
  }
}

extension ConvolutionShape {
  /// The same with so many images.
  fileprivate func ofImages(_ count: Int) -> ConvolutionShape {
    var result = self
    result.batch = count
    return result
  }
}
