// The naive twins of the convolution's three passes: the definition, sum by sum, in float64. Tests hold the fast kernels
// against them. Layouts are the same: activations channels-last, weights `[out, in / groups, height, width]`.

extension Convolution {
  /// `output = input ∗ weights + bias`.
  public static func forwardNaively(
    _ shape: ConvolutionShape, input: UnsafePointer<Float>, weights: UnsafePointer<Float>, bias: UnsafePointer<Float>?,
    output: UnsafeMutablePointer<Float>
  ) {
    let pixels = shape.batch * shape.outHeight * shape.outWidth
    var sums = [Double](repeating: 0, count: pixels * shape.outChannels)
    shape.forEachProduct { place, weight, result in sums[result] += Double(input[place]) * Double(weights[weight]) }
    for index in sums.indices {
      output[index] = Float(sums[index] + (bias.map { Double($0[index % shape.outChannels]) } ?? 0))
    }
  }

  /// The gradient with respect to the input.
  public static func inputGradientNaively(
    _ shape: ConvolutionShape, outputGradient: UnsafePointer<Float>, weights: UnsafePointer<Float>,
    inputGradient: UnsafeMutablePointer<Float>
  ) {
    var sums = [Double](repeating: 0, count: shape.batch * shape.inHeight * shape.inWidth * shape.inChannels)
    shape.forEachProduct { place, weight, result in
      sums[place] += Double(outputGradient[result]) * Double(weights[weight])
    }
    for index in sums.indices { inputGradient[index] = Float(sums[index]) }
  }

  /// The gradients with respect to weights and bias.
  public static func weightsGradientNaively(
    _ shape: ConvolutionShape, input: UnsafePointer<Float>, outputGradient: UnsafePointer<Float>,
    weightsGradient: UnsafeMutablePointer<Float>, biasGradient: UnsafeMutablePointer<Float>?
  ) {
    var sums = [Double](repeating: 0, count: shape.weightExtents.reduce(1, *))
    shape.forEachProduct { place, weight, result in
      sums[weight] += Double(outputGradient[result]) * Double(input[place])
    }
    for index in sums.indices { weightsGradient[index] = Float(sums[index]) }
    guard let biasGradient else { return }
    let pixels = shape.batch * shape.outHeight * shape.outWidth
    for channel in 0..<shape.outChannels {
      var sum = 0.0
      for pixel in 0..<pixels { sum += Double(outputGradient[pixel * shape.outChannels + channel]) }
      biasGradient[channel] = Float(sum)
    }
  }
}

extension ConvolutionShape {
  /// Calls `body` with the places of input, weight and output of each product that the convolution sums.
  fileprivate func forEachProduct(_ body: (_ input: Int, _ weight: Int, _ output: Int) -> Void) {
    let (inPerGroup, outPerGroup) = (inChannels / groups, outChannels / groups)
    for pixel in 0..<batch * outHeight * outWidth {
      let (image, row, column) = (pixel / outWidth / outHeight, pixel / outWidth % outHeight, pixel % outWidth)
      for tap in 0..<kernelHeight * kernelWidth {
        let line = row * stride[0] - padding[0] + tap / kernelWidth * dilation[0]
        let place = column * stride[1] - padding[1] + tap % kernelWidth * dilation[1]
        guard (0..<inHeight).contains(line), (0..<inWidth).contains(place) else { continue }
        let source = ((image * inHeight + line) * inWidth + place) * inChannels
        for out in 0..<outChannels {
          let firstChannel = out / outPerGroup * inPerGroup
          for channel in 0..<inPerGroup {
            let weight = (out * inPerGroup + channel) * kernelHeight * kernelWidth + tap
            body(source + firstChannel + channel, weight, pixel * outChannels + out)
          }
        }
      }
    }
  }
}
