// The naive twins of both passes of pooling, window by window. Tests hold the fast kernels against them. Activations lie
// channels-last.

extension Pooling {
  /// `output[window] = maximum or mean of input[window]`.
  public func forwardNaively(
    _ shape: PoolingShape, input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>
  ) {
    shape.forEachWindow { places, result in
      switch self {
      case .maximum: output[result] = places.map { input[$0] }.max() ?? -.infinity
      case .average, .averageInside:
        output[result] = Float(places.reduce(0) { $0 + Double(input[$1]) } / divisor(shape, places.count))
      }
    }
  }

  /// The gradient with respect to the input; a maximum's goes to the first of equal ones.
  public func backwardNaively(
    _ shape: PoolingShape, input: UnsafePointer<Float>, outputGradient: UnsafePointer<Float>,
    inputGradient: UnsafeMutablePointer<Float>
  ) {
    inputGradient.update(repeating: 0, count: shape.batch * shape.inHeight * shape.inWidth * shape.channels)
    shape.forEachWindow { places, result in
      switch self {
      case .maximum:
        guard let winner = places.max(by: { input[$0] < input[$1] }) else { return }
        inputGradient[winner] += outputGradient[result]
      case .average, .averageInside:
        let share = Float(Double(outputGradient[result]) / divisor(shape, places.count))
        for place in places { inputGradient[place] += share }
      }
    }
  }

  private func divisor(_ shape: PoolingShape, _ inside: Int) -> Double {
    self == .average ? Double(shape.kernel[0] * shape.kernel[1]) : Double(inside)
  }
}

extension PoolingShape {
  /// Calls `body` with the places of a window's samples inside of the input, and with the output's place.
  fileprivate func forEachWindow(_ body: (_ input: [Int], _ output: Int) -> Void) {
    for pixel in 0..<batch * outHeight * outWidth {
      let (image, row, column) = (pixel / outWidth / outHeight, pixel / outWidth % outHeight, pixel % outWidth)
      let (top, left) = (row * stride[0] - padding[0], column * stride[1] - padding[1])
      let lines = max(top, 0)..<max(min(top + kernel[0], inHeight), max(top, 0))
      let columns = max(left, 0)..<max(min(left + kernel[1], inWidth), max(left, 0))
      for channel in 0..<channels {
        let places = lines.flatMap { line in
          columns.map { ((image * inHeight + line) * inWidth + $0) * channels + channel }
        }
        body(places, pixel * channels + channel)
      }
    }
  }
}
