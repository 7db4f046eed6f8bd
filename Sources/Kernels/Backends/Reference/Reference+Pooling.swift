extension Reference {
  public func pool(
    _ pooling: Pooling, _ shape: PoolingShape, input: ConstantFloats, output: Floats,
    workspace: UnsafeMutableRawPointer
  ) throws {
    output.update(repeating: 0, count: shape.output.elementCount(shape.layout))
    let winners = workspace.assumingMemoryBound(to: Int.self)
    shape.forEachWindow { places, result in
      switch pooling {
      case .maximum:
        // The first of equal ones, but the last NaN, as in PyTorch.
        guard var winner = places.first else {
          output[result] = -.infinity
          return
        }
        for place in places where input[place] > input[winner] || input[place].isNaN { winner = place }
        (output[result], winners[result]) = (input[winner], winner)
      case .average, .averageInside:
        output[result] = Float(
          places.reduce(0) { $0 + Double(input[$1]) } / pooling.divisor(shape, places.count))
      }
    }
  }

  public func poolingGradient(
    _ pooling: Pooling, _ shape: PoolingShape, outputGradient: ConstantFloats, inputGradient: Floats,
    workspace: UnsafeMutableRawPointer
  ) throws {
    inputGradient.update(repeating: 0, count: shape.input.elementCount(shape.layout))
    let winners = workspace.assumingMemoryBound(to: Int.self)
    shape.forEachWindow { places, result in
      switch pooling {
      case .maximum: if !places.isEmpty { inputGradient[winners[result]] += outputGradient[result] }
      case .average, .averageInside:
        let share = Float(Double(outputGradient[result]) / pooling.divisor(shape, places.count))
        for place in places { inputGradient[place] += share }
      }
    }
  }

  /// The place of each window's maximum.
  public func poolingWorkspaceByteCount(_ pooling: Pooling, _ shape: PoolingShape) throws -> Int {
    pooling == .maximum ? shape.output.elementCount(shape.layout) * MemoryLayout<Int>.stride : 0
  }
}

extension Pooling {
  fileprivate func divisor(_ shape: PoolingShape, _ inside: Int) -> Double {
    self == .average ? Double(shape.kernel[0] * shape.kernel[1]) : Double(inside)
  }
}

extension PoolingShape {
  /// Calls `body` with the places of a window's samples inside of the input, and with the output's place.
  fileprivate func forEachWindow(_ body: (_ input: [Int], _ output: Int) -> Void) {
    let (inputs, outputs) = (ImagePlaces(input, layout), ImagePlaces(output, layout))
    for pixel in 0..<batch * outHeight * outWidth {
      let (image, place) = pixel.quotientAndRemainder(dividingBy: outHeight * outWidth)
      let (top, left) = (place / outWidth * stride[0] - padding[0], place % outWidth * stride[1] - padding[1])
      let lines = max(top, 0)..<max(min(top + kernel[0], inHeight), max(top, 0))
      let columns = max(left, 0)..<max(min(left + kernel[1], inWidth), max(left, 0))
      let starts = lines.flatMap { line in columns.map { inputs.start(image, line * inWidth + $0) } }
      for channel in 0..<channels {
        body(starts.map { $0 + inputs.channels[channel] }, outputs.start(image, place) + outputs.channels[channel])
      }
    }
  }
}
