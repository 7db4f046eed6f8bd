extension Reference {
  public func moments(_ batch: NormalizedBatch, _ input: ConstantFloats) -> (mean: [Double], deviations: [Double]) {
    if batch.rows == 0 { return (batch.zeros, batch.zeros) }
    var (mean, deviations) = (batch.zeros, batch.zeros)
    batch.forEachElement { channel, place in mean[channel] += Double(input[place]) / Double(batch.rows) }
    batch.forEachElement { channel, place in
      let deviation = Double(input[place]) - mean[channel]
      deviations[channel] += deviation * deviation
    }
    return (mean, deviations)
  }

  public func normalize(_ batch: NormalizedBatch, _ input: ConstantFloats, _ affine: ChannelAffine, output: Floats) {
    batch.forEachElement { channel, place in
      let value = affine.value(input[place], channel)
      output[place] = Float(affine.thenReLU && value < 0 ? 0 : value)
    }
  }

  public func normalizationSums(
    _ batch: NormalizedBatch, _ input: ConstantFloats, _ gradient: ConstantFloats, mean: [Float],
    _ affine: ChannelAffine
  ) -> (gradient: [Double], product: [Double]) {
    var (sums, products) = (batch.zeros, batch.zeros)
    batch.forEachElement { channel, place in
      guard affine.passes(input[place], channel) else { return }
      sums[channel] += Double(gradient[place])
      products[channel] += Double(gradient[place]) * (Double(input[place]) - Double(mean[channel]))
    }
    return (sums, products)
  }

  public func normalizationGradient(
    _ batch: NormalizedBatch, _ input: ConstantFloats, _ gradient: ConstantFloats, a: [Float], b: [Float], c: [Float],
    _ affine: ChannelAffine, result: Floats
  ) {
    batch.forEachElement { channel, place in
      let passed = affine.passes(input[place], channel) ? Double(gradient[place]) : 0
      result[place] = Float(
        passed * Double(a[channel]) + Double(input[place]) * Double(b[channel]) + Double(c[channel]))
    }
  }
}

extension NormalizedBatch {
  fileprivate var zeros: [Double] { [Double](repeating: 0, count: channels) }

  fileprivate func forEachElement(_ body: (_ channel: Int, _ place: Int) -> Void) {
    for row in 0..<rows { for channel in 0..<channels { body(channel, row * channels + channel) } }
  }
}

extension ChannelAffine {
  fileprivate func value(_ input: Float, _ channel: Int) -> Double {
    Double(input) * Double(scale[channel]) + Double(shift[channel])
  }

  /// Whether a gradient passes the ReLU, if one followed.
  fileprivate func passes(_ input: Float, _ channel: Int) -> Bool { !thenReLU || value(input, channel) > 0 }
}
