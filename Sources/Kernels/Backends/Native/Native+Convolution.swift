import CVectors

/// Convolutions of channels-last images; what lies in blocks is brought to that form and back.
extension Native {
  public func convolve(
    _ shape: ConvolutionShape, input: ConstantFloats, weights: Weights, bias: ConstantFloats?, output: Floats,
    thenReLU: Bool
  ) throws {
    let kernels = kernels
    reading(input, shape.input, shape.inLayout) { input in
      writing(output, shape.output, shape.outLayout) { output in
        withPanels(shape, weights, isGradient: false) { extents, panels in
          forEachPart(shape) { part, parts in
            withUnsafePointer(to: extents) {
              kernels.convolve($0, input, panels, bias, thenReLU ? 1 : 0, output, part, parts)
            }
          }
        }
      }
    }
  }

  public func convolutionInputGradient(
    _ shape: ConvolutionShape, outputGradient: ConstantFloats, weights: Weights, inputGradient: Floats
  ) throws {
    let kernels = kernels
    reading(outputGradient, shape.output, shape.outLayout) { gradient in
      writing(inputGradient, shape.input, shape.inLayout) { result in
        withPanels(shape, weights, isGradient: true) { extents, panels in
          forEachPart(shape) { part, parts in
            withUnsafePointer(to: extents) { kernels.convolve_back($0, gradient, panels, result, part, parts) }
          }
        }
      }
    }
  }

  /// Calls `body` on threads with each part of the outputs.
  private func forEachPart(_ shape: ConvolutionShape, _ body: (_ part: Int, _ parts: Int) -> Void) {
    if shape.batch == 0 { return }
    let perWeight = shape.batch * shape.outHeight * shape.outWidth
    let work = perWeight * shape.weightExtents.reduce(1, *)
    let parts = KernelThreads.parts(ofWork: work)
    KernelThreads.run(parts) { body($0, parts) }
  }

  private func withPanels(
    _ shape: ConvolutionShape, _ weights: Weights, isGradient: Bool,
    _ body: (native_convolution, ConstantFloats) -> Void
  ) {
    var extents = shape.native
    let (kernels, flag) = (kernels, isGradient ? Int32(1) : 0)
    let count = native_packed_convolution_count(instructions.kernels, &extents, flag)
    guard let packed = weights.packed else {
      return ScratchMemory.with(max(count, 16) * MemoryLayout<Float>.stride) { memory in
        let panels = memory.assumingMemoryBound(to: Float.self)
        kernels.pack_convolution(&extents, flag, weights.data, panels)
        body(extents, panels)
      }
    }
    let form = PackedWeights.Form(
      instructions: instructions, kind: isGradient ? .convolutionGradient : .convolution,
      extents: [Int(bitPattern: weights.data), shape.groups] + shape.weightExtents)
    let panels = packed.form(form, count: count) { kernels.pack_convolution(&extents, flag, weights.data, $0) }
    body(extents, panels)
  }

  /// Calls `body` with images channels-last.
  private func reading(
    _ images: ConstantFloats, _ extents: ImageExtents, _ layout: ImageLayout, _ body: (ConstantFloats) -> Void
  ) {
    guard layout == .blocked else { return body(images) }
    ScratchMemory.with(max(extents.elementCount(.blocked), 16) * MemoryLayout<Float>.stride) { memory in
      let plain = memory.assumingMemoryBound(to: Float.self)
      plain.update(from: images, count: extents.elementCount(.blocked))
      extents.unblock(plain)
      body(plain)
    }
  }

  /// Calls `body` with memory for images channels-last, and puts what it leaves there where it belongs.
  private func writing(_ images: Floats, _ extents: ImageExtents, _ layout: ImageLayout, _ body: (Floats) -> Void) {
    guard layout == .blocked else { return body(images) }
    ScratchMemory.with(max(extents.elementCount(.channelsLast), 16) * MemoryLayout<Float>.stride) { memory in
      let plain = memory.assumingMemoryBound(to: Float.self)
      body(plain)
      extents.block(plain, into: images)
    }
  }

  public func convolutionWeightsGradient(
    _ shape: ConvolutionShape, input: ConstantFloats, outputGradient: ConstantFloats, weightsGradient: Floats,
    biasGradient: Floats?
  ) throws {
    try OneDNN(KernelOptions(convolution: convolution)).convolutionWeightsGradient(
      shape, input: input, outputGradient: outputGradient, weightsGradient: weightsGradient, biasGradient: biasGradient)
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
