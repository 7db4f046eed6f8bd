import CVectors

/// Convolutions of channels-last images; what lies in blocks is brought to that form and back.
extension Native {
  public func convolve(
    _ shape: ConvolutionShape, input: ConstantFloats, weights: Weights, bias: ConstantFloats?, output: Floats,
    thenReLU: Bool
  ) throws {
    reading(input, shape.input, shape.inLayout) { input in
      writing(output, shape.output, shape.outLayout) { output in
        pass(shape, isGradient: false, input, weights, bias, cuts: thenReLU, output)
      }
    }
  }

  public func convolutionInputGradient(
    _ shape: ConvolutionShape, outputGradient: ConstantFloats, weights: Weights, inputGradient: Floats
  ) throws {
    reading(outputGradient, shape.output, shape.outLayout) { gradient in
      writing(inputGradient, shape.input, shape.inLayout) { result in
        pass(shape, isGradient: true, gradient, weights, nil, cuts: false, result)
      }
    }
  }

  public func convolutionWeightsGradient(
    _ shape: ConvolutionShape, input: ConstantFloats, outputGradient: ConstantFloats, weightsGradient: Floats,
    biasGradient: Floats?
  ) throws {
    reading(input, shape.input, shape.inLayout) { input in
      reading(outputGradient, shape.output, shape.outLayout) { gradient in
        weightsPass(shape, input, gradient, weightsGradient)
        guard let biasGradient else { return }
        let pixels = shape.batch * shape.outHeight * shape.outWidth
        ColumnSum.sum(outer: 1, count: pixels, inner: shape.outChannels, gradient, into: biasGradient)
      }
    }
  }

  /// From the input to the output, or from the output's gradient to the input's.
  private func pass(
    _ shape: ConvolutionShape, isGradient: Bool, _ images: ConstantFloats, _ weights: Weights, _ bias: ConstantFloats?,
    cuts: Bool, _ result: Floats
  ) {
    let (kernels, parts, extents) = (kernels, parts(shape), shape.native)
    let (flag, cut) = (isGradient ? 1 : 0 as Int32, cuts ? 1 : 0 as Int32)
    guard usesWinograd(shape) else {
      return withPanels(shape, weights, isGradient: isGradient) { panels in
        inParts(parts, extents) { shape, part in
          if isGradient {
            kernels.convolve_back(shape, images, panels, result, part, parts)
          } else {
            kernels.convolve(shape, images, panels, bias, cut, result, part, parts)
          }
        }
      }
    }
    withTransformed(shape, weights, isGradient: isGradient) { packed in
      inParts(parts, extents, scratch: withUnsafePointer(to: extents) { kernels.winograd_scratch_count($0, flag) }) {
        kernels.winograd_convolve($0, flag, images, packed, bias, cut, result, $2, $1, parts)
      }
    }
  }

  private func weightsPass(
    _ shape: ConvolutionShape, _ input: ConstantFloats, _ gradient: ConstantFloats, _ result: Floats
  ) {
    let (kernels, parts, extents) = (kernels, parts(shape), shape.native)
    let isWinograd = usesWinograd(shape)
    let scratch = withUnsafePointer(to: extents) { shape in
      isWinograd
        ? kernels.winograd_gradient_scratch_count(shape, parts)
        : (0..<parts).map { kernels.convolve_weights_scratch_count(shape, $0, parts) }.max() ?? 0
    }
    inParts(parts, extents, scratch: scratch) { shape, part, scratch in
      if isWinograd {
        kernels.winograd_weights_gradient(shape, input, gradient, result, scratch, part, parts)
      } else {
        kernels.convolve_weights(shape, input, gradient, result, scratch, part, parts)
      }
    }
  }

  func parts(_ shape: ConvolutionShape) -> Int {
    // Weights are there, so their count is a number.
    let products = shape.weightExtents.dropFirst(shape.groups == 1 ? 0 : 1).reduce(1, *)
    return KernelThreads.parts(ofWork: shape.batch, shape.outHeight, shape.outWidth, products)
  }

  /// Whether there are such kernels for it.
  func fitsWinograd(_ shape: ConvolutionShape) -> Bool {
    let taps = shape.kernelHeight
    return convolution == .automatic && (taps == 3 || taps == 5) && shape.kernelWidth == taps && shape.groups == 1
      && shape.stride == [1, 1] && shape.dilation == [1, 1] && shape.padding.allSatisfy { $0 < taps }
  }

  /// Where its products and transforms are less work than those of the definition: a rule of the shape alone, for what is faster
  /// on the machine at hand must not decide about bits. A channel's transform of a tile costs as much as so many products.
  func usesWinograd(_ shape: ConvolutionShape, transformCost: Int = 8) -> Bool {
    guard fitsWinograd(shape) else { return false }
    if forcesWinograd { return true }
    let taps = shape.kernelHeight
    let (ins, outs, height, width) = (shape.inChannels, shape.outChannels, shape.outHeight, shape.outWidth)
    guard ins >= 16, outs >= 16, height * width >= 16 else { return false }
    let extent = 7 - taps
    let tiles = ((height + extent - 1) / extent) * ((width + extent - 1) / extent)
    let pixels =
      pairs(height, taps, of: shape.inHeight, shape.padding[0])
      * pairs(width, taps, of: shape.inWidth, shape.padding[1])
    return pixels * ins * outs > 36 * tiles * (ins * outs + transformCost * (ins + outs))
  }

  /// Along an axis, how many pairs of an output and one of its taps meet the input.
  private func pairs(_ outputs: Int, _ taps: Int, of inputs: Int, _ padding: Int) -> Int {
    (0..<taps).reduce(0) { sum, tap in
      let (first, end) = (max(0, padding - tap), min(outputs, inputs + padding - tap))
      return sum + max(0, end - first)
    }
  }
}

/// Memory and threads of the passes.
extension Native {
  /// Calls `body` on threads with each part of a pass's outputs.
  func inParts(
    _ parts: Int, _ extents: native_convolution, _ body: (UnsafePointer<native_convolution>, Int) -> Void
  ) {
    KernelThreads.run(parts) { part in withUnsafePointer(to: extents) { body($0, part) } }
  }

  /// The same with so many floats of scratch memory for each part.
  func inParts(
    _ parts: Int, _ extents: native_convolution, scratch count: Int,
    _ body: (UnsafePointer<native_convolution>, Int, Floats) -> Void
  ) {
    let room = (count + 15) / 16 * 16
    ScratchMemory.floats(parts * room) { floats in
      inParts(parts, extents) { body($0, $1, floats + $1 * room) }
    }
  }

  private func withPanels(
    _ shape: ConvolutionShape, _ weights: Weights, isGradient: Bool, _ body: (ConstantFloats) -> Void
  ) {
    let (kernels, extents, flag) = (kernels, shape.native, isGradient ? 1 : 0 as Int32)
    let count = withUnsafePointer(to: extents) { native_packed_convolution_count(instructions.kernels, $0, flag) }
    let form = form(isGradient ? .convolutionGradient : .convolution, of: weights, shape)
    withForm(form, weights.packed, count: count, body) { panels in
      withUnsafePointer(to: extents) { kernels.pack_convolution($0, flag, weights.data, panels) }
    }
  }

  private func withTransformed(
    _ shape: ConvolutionShape, _ weights: Weights, isGradient: Bool, _ body: (ConstantFloats) -> Void
  ) {
    let (kernels, extents, flag) = (kernels, shape.native, isGradient ? 1 : 0 as Int32)
    let count = withUnsafePointer(to: extents) { native_winograd_count(instructions.kernels, $0, flag) }
    let parts = KernelThreads.parts(ofWork: 8, count)
    let form = form(isGradient ? .winogradGradient : .winograd, of: weights, shape)
    withForm(form, weights.packed, count: count, body) { packed in
      inParts(parts, extents) { kernels.winograd_pack($0, flag, weights.data, packed, $1, parts) }
    }
  }

  func form(
    _ kind: PackedWeights.Form.Kind, of weights: Weights, _ shape: ConvolutionShape, isHalf: Bool = false
  ) -> PackedWeights.Form {
    .init(
      instructions: instructions, kind: kind,
      extents: [Int(bitPattern: weights.data), shape.groups] + shape.weightExtents, isHalf: isHalf)
  }

  /// Calls `body` with images channels-last.
  func reading(
    _ images: ConstantFloats, _ extents: ImageExtents, _ layout: ImageLayout, _ body: (ConstantFloats) -> Void
  ) {
    guard layout == .blocked else { return body(images) }
    ScratchMemory.floats(extents.elementCount(.blocked)) { plain in
      KernelMeters.within(.reorder) {
        plain.update(from: images, count: extents.elementCount(.blocked))
        extents.unblock(plain)
      }
      body(plain)
    }
  }

  /// Calls `body` with memory for images channels-last, and puts what it leaves there where it belongs.
  func writing(_ images: Floats, _ extents: ImageExtents, _ layout: ImageLayout, _ body: (Floats) -> Void) {
    guard layout == .blocked else { return body(images) }
    ScratchMemory.floats(extents.elementCount(.channelsLast)) { plain in
      body(plain)
      KernelMeters.within(.reorder) { extents.block(plain, into: images) }
    }
  }
}

extension ConvolutionShape {
  var native: native_convolution {
    native_convolution(
      batch: batch, in_channels: inChannels, in_height: inHeight, in_width: inWidth, out_channels: outChannels,
      kernel_height: kernelHeight, kernel_width: kernelWidth, stride: (stride[0], stride[1]),
      padding: (padding[0], padding[1]), dilation: (dilation[0], dilation[1]), groups: groups)
  }
}
