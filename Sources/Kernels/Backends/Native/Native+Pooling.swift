import CVectors

/// Pooling of channels-last images; what lies in blocks is brought to that form and back.
extension Native {
  public func pool(
    _ pooling: Pooling, _ shape: PoolingShape, input: ConstantFloats, output: Floats,
    workspace: UnsafeMutableRawPointer
  ) throws {
    if pooling.isOfTiles(shape) { return inTiles(shape) { $0.forward(input + $1, output + $2) } }
    let kernels = kernels
    reading(input, shape.input, shape.layout) { input in
      writing(output, shape.output, shape.layout) { output in
        inParts(shape) { extents, part, parts in
          if pooling == .maximum {
            kernels.pool_maximum(
              extents, input, output, workspace.assumingMemoryBound(to: Int32.self), part, parts)
          } else {
            kernels.pool_average(extents, pooling.countsPadding, input, output, part, parts)
          }
        }
      }
    }
  }

  public func poolingGradient(
    _ pooling: Pooling, _ shape: PoolingShape, outputGradient: ConstantFloats, inputGradient: Floats,
    workspace: UnsafeMutableRawPointer
  ) throws {
    if pooling.isOfTiles(shape) { return inTiles(shape) { $0.backward(outputGradient + $2, inputGradient + $1) } }
    let kernels = kernels
    reading(outputGradient, shape.output, shape.layout) { gradient in
      writing(inputGradient, shape.input, shape.layout) { result in
        inParts(shape) { extents, part, parts in
          if pooling == .maximum {
            kernels.pool_maximum_back(
              extents, gradient, workspace.assumingMemoryBound(to: Int32.self), result, part, parts)
          } else {
            kernels.pool_average_back(extents, pooling.countsPadding, gradient, result, part, parts)
          }
        }
      }
    }
  }

  /// A pixel for each maximum.
  public func poolingWorkspaceByteCount(_ pooling: Pooling, _ shape: PoolingShape) throws -> Int {
    pooling == .maximum ? shape.output.elementCount(.channelsLast) * MemoryLayout<Int32>.stride : 0
  }

  /// Calls `body` on threads with a few images each, and where they begin in input and output.
  private func inTiles(_ shape: PoolingShape, _ body: (_ tiles: AverageTiles, _ input: Int, _ output: Int) -> Void) {
    let (inputs, outputs) = (shape.input.imageCount(.channelsLast), shape.output.imageCount(.channelsLast))
    let parts = KernelThreads.parts(ofWork: 8, shape.batch, inputs)
    KernelThreads.share(shape.batch, inParts: parts, multiplesOf: 1) { images in
      var some = shape
      some.batch = images.count
      body(AverageTiles(some), images.lowerBound * inputs, images.lowerBound * outputs)
    }
  }

  private func inParts(
    _ shape: PoolingShape, _ body: (_ extents: UnsafePointer<native_pooling>, _ part: Int, _ parts: Int) -> Void
  ) {
    let extents = shape.native
    let parts = KernelThreads.parts(ofWork: 8, shape.input.elementCount(.channelsLast))
    KernelThreads.run(parts) { part in withUnsafePointer(to: extents) { body($0, part, parts) } }
  }
}

extension Pooling {
  fileprivate var countsPadding: Int32 { self == .average ? 1 : 0 }
}

extension PoolingShape {
  var native: native_pooling {
    native_pooling(
      batch: batch, channels: channels, in_height: inHeight, in_width: inWidth, kernel: (kernel[0], kernel[1]),
      stride: (stride[0], stride[1]), padding: (padding[0], padding[1]))
  }
}
