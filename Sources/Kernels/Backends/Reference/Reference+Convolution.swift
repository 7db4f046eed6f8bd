extension Reference {
  public func convolve(
    _ shape: ConvolutionShape, input: ConstantFloats, weights: Weights, bias: ConstantFloats?, output: Floats,
    thenReLU: Bool
  ) throws {
    let sums = Sums(shape.output.elementCount(shape.outLayout))
    shape.forEachRun { place, weight, result, count, taps in
      var (x, w, left, sum) = (input + place, weights.data + weight, count, 0.0)
      while left > 0 {
        sum += Double(x.pointee) * Double(w.pointee)
        x += 1
        w += taps
        left -= 1
      }
      sums.values[result] += sum
    }
    shape.output.forEachElement(shape.outLayout) { channel, place in
      let value = Float(sums.values[place] + (bias.map { Double($0[channel]) } ?? 0))
      sums.values[place] = Double(thenReLU && value < 0 ? 0 : value)
    }
    sums.write(to: output)
  }

  public func convolutionInputGradient(
    _ shape: ConvolutionShape, outputGradient: ConstantFloats, weights: Weights, inputGradient: Floats
  ) throws {
    let sums = Sums(shape.input.elementCount(shape.inLayout))
    shape.forEachRun { place, weight, result, count, taps in
      let gradient = Double(outputGradient[result])
      var (x, w, left) = (sums.values + place, weights.data + weight, count)
      while left > 0 {
        x.pointee += gradient * Double(w.pointee)
        x += 1
        w += taps
        left -= 1
      }
    }
    sums.write(to: inputGradient)
  }

  public func convolutionWeightsGradient(
    _ shape: ConvolutionShape, input: ConstantFloats, outputGradient: ConstantFloats, weightsGradient: Floats,
    biasGradient: Floats?
  ) throws {
    if shape.batch == 0 { return }
    let sums = Sums(shape.weightExtents.reduce(1, *))
    shape.forEachRun { place, weight, result, count, taps in
      let gradient = Double(outputGradient[result])
      var (x, w, left) = (input + place, sums.values + weight, count)
      while left > 0 {
        w.pointee += gradient * Double(x.pointee)
        x += 1
        w += taps
        left -= 1
      }
    }
    sums.write(to: weightsGradient)
    guard let biasGradient else { return }
    let channels = Sums(shape.outChannels)
    shape.output.forEachElement(shape.outLayout) { channel, place in
      channels.values[channel] += Double(outputGradient[place])
    }
    channels.write(to: biasGradient)
  }
}

/// Zeros to begin with, in float64.
private final class Sums {
  private let count: Int
  let values: UnsafeMutablePointer<Double>

  init(_ count: Int) {
    self.count = count
    values = .allocate(capacity: max(count, 1))
    values.initialize(repeating: 0, count: count)
  }

  deinit { values.deallocate() }

  func write(to target: Floats) { for i in 0..<count { target[i] = Float(values[i]) } }
}

extension ConvolutionShape {
  /// Calls `body` with the places of input, weight and output where products begin that add up in one output: `count` of
  /// them, of inputs that lie side by side and of weights `taps` apart. Runs and no single products, whose calls would
  /// cost an unoptimised build, as tests are, far more than the products.
  @inline(__always)
  fileprivate func forEachRun(
    _ body: (_ input: Int, _ weight: Int, _ output: Int, _ count: Int, _ taps: Int) -> Void
  ) {
    let (inPerGroup, outPerGroup, taps) = (inChannels / groups, outChannels / groups, kernelHeight * kernelWidth)
    let (inputs, outputs) = (ImagePlaces(input, inLayout), ImagePlaces(output, outLayout))
    for pixel in 0..<batch * outHeight * outWidth {
      let (image, place) = pixel.quotientAndRemainder(dividingBy: outHeight * outWidth)
      let (row, column) = place.quotientAndRemainder(dividingBy: outWidth)
      let target = outputs.start(image, place)
      for tap in 0..<taps {
        let line = row * stride[0] - padding[0] + tap / kernelWidth * dilation[0]
        let across = column * stride[1] - padding[1] + tap % kernelWidth * dilation[1]
        guard line >= 0, line < inHeight, across >= 0, across < inWidth else { continue }
        let source = inputs.start(image, line * inWidth + across)
        for out in 0..<outChannels {
          let first = out / outPerGroup * inPerGroup
          let (result, weights) = (target + outputs.channels[out], out * inPerGroup * taps + tap)
          var channel = 0
          while channel < inPerGroup {
            let count = min(inPerGroup - channel, inputs.runLength(from: first + channel))
            body(source + inputs.channels[first + channel], weights + channel * taps, result, count, taps)
            channel += count
          }
        }
      }
    }
  }
}

/// Where the elements of images lie: the channel's place and the pixel's start add up.
struct ImagePlaces {
  let channels: [Int]
  private let image, pixel: Int
  private let isBlocked: Bool

  init(_ extents: ImageExtents, _ layout: ImageLayout) {
    channels = (0..<extents.channels).map { extents.offset(layout, image: 0, channel: $0, pixel: 0) }
    image = extents.imageCount(layout)
    isBlocked = layout == .blocked
    pixel = isBlocked ? ImageLayout.blockWidth : extents.channels
  }

  /// How many channels from this one on lie side by side.
  func runLength(from channel: Int) -> Int {
    isBlocked ? ImageLayout.blockWidth - channel % ImageLayout.blockWidth : channels.count - channel
  }

  func start(_ index: Int, _ place: Int) -> Int { index * image + place * pixel }
}

extension ImageExtents {
  /// Calls `body` with each element's channel and place.
  func forEachElement(_ layout: ImageLayout, _ body: (_ channel: Int, _ place: Int) -> Void) {
    let places = ImagePlaces(self, layout)
    for image in 0..<batch {
      for pixel in 0..<height * width {
        for channel in 0..<channels { body(channel, places.start(image, pixel) + places.channels[channel]) }
      }
    }
  }
}
