import CVectors

@testable import Kernels
@testable import TestSupport

/// The naive loops that define native convolutions of channels-last images, with all that they read.
struct ConvolutionDefinition {
  let shape: ConvolutionShape
  let input, weights, bias, gradient: GuardedBuffer

  init(_ shape: ConvolutionShape, _ kind: Numbers, _ numbers: inout SeededNumbers) {
    self.shape = shape
    input = numbers.floats(shape.input.elementCount(.channelsLast), kind)
    weights = numbers.floats(shape.weightExtents.reduce(1, *), kind)
    bias = numbers.floats(shape.outChannels, kind)
    gradient = numbers.floats(shape.output.elementCount(.channelsLast), kind)
  }

  var inputsAreIntact: Bool { [input, weights, bias, gradient].allSatisfy { $0.guardsAreIntact } }

  private var inGroup: Int { shape.inChannels / shape.groups }
  private var outGroup: Int { shape.outChannels / shape.groups }

  /// The coordinate that a tap meets; nil in the padding.
  private func met(_ axis: Int, output: Int, tap: Int) -> Int? {
    let place = output * shape.stride[axis] + tap * shape.dilation[axis] - shape.padding[axis]
    return place >= 0 && place < (axis == 0 ? shape.inHeight : shape.inWidth) ? place : nil
  }

  /// The output whose tap meets a coordinate; nil where there is none.
  private func meeting(_ axis: Int, input: Int, tap: Int) -> Int? {
    let place = input + shape.padding[axis] - tap * shape.dilation[axis]
    guard place >= 0, place % shape.stride[axis] == 0 else { return nil }
    let output = place / shape.stride[axis]
    return output < (axis == 0 ? shape.outHeight : shape.outWidth) ? output : nil
  }

  private func pixel(_ image: Int, _ y: Int, _ x: Int) -> Int {
    ((image * shape.inHeight + y) * shape.inWidth + x) * shape.inChannels
  }
  private func result(_ image: Int, _ y: Int, _ x: Int) -> Int {
    ((image * shape.outHeight + y) * shape.outWidth + x) * shape.outChannels
  }
  private func weight(_ out: Int, _ channel: Int, _ y: Int, _ x: Int) -> Int {
    ((out * inGroup + channel) * shape.kernelHeight + y) * shape.kernelWidth + x
  }

  /// Over (kernel row, kernel column, input channel).
  func forward(hasBias: Bool, cuts: Bool) -> GuardedBuffer {
    let output = GuardedBuffer(gradient.count)
    forEachOutput { image, y, x in
      let taps = taps { (met(0, output: y, tap: $0), met(1, output: x, tap: $1)) }
      for out in 0..<shape.outChannels {
        var sum: Float = 0
        for tap in taps {
          let from = input.pointer + pixel(image, tap.y, tap.x) + out / outGroup * inGroup
          for channel in 0..<inGroup {
            sum = sum.addingProduct(from[channel], weights.pointer[weight(out, channel, tap.row, tap.column)])
          }
        }
        if hasBias { sum += bias.pointer[out] }
        output.pointer[result(image, y, x) + out] = cuts && sum < 0 ? 0 : sum
      }
    }
    return output
  }

  /// Over (kernel row, kernel column, output channel).
  func inputGradient() -> GuardedBuffer {
    let inputGradient = GuardedBuffer(input.count)
    for image in 0..<shape.batch {
      for y in 0..<shape.inHeight {
        for x in 0..<shape.inWidth {
          let taps = taps { (meeting(0, input: y, tap: $0), meeting(1, input: x, tap: $1)) }
          for channel in 0..<shape.inChannels {
            var sum: Float = 0
            for tap in taps {
              let first = channel / inGroup * outGroup
              let from = gradient.pointer + result(image, tap.y, tap.x)
              for out in first..<first + outGroup {
                sum = sum.addingProduct(
                  from[out], weights.pointer[weight(out, channel % inGroup, tap.row, tap.column)])
              }
            }
            inputGradient.pointer[pixel(image, y, x) + channel] = sum
          }
        }
      }
    }
    return inputGradient
  }

  /// Over (image, output row, output column).
  func weightsGradient() -> GuardedBuffer {
    let sums = GuardedBuffer([Float](repeating: 0, count: weights.count))
    forEachOutput { image, y, x in
      let to = gradient.pointer + result(image, y, x)
      for tap in taps({ (met(0, output: y, tap: $0), met(1, output: x, tap: $1)) }) {
        for out in 0..<shape.outChannels {
          let from = input.pointer + pixel(image, tap.y, tap.x) + out / outGroup * inGroup
          for channel in 0..<inGroup {
            let place = weight(out, channel, tap.row, tap.column)
            sums.pointer[place] = sums.pointer[place].addingProduct(from[channel], to[out])
          }
        }
      }
    }
    return sums
  }

  private func forEachOutput(_ body: (_ image: Int, _ y: Int, _ x: Int) -> Void) {
    for image in 0..<shape.batch {
      for y in 0..<shape.outHeight { for x in 0..<shape.outWidth { body(image, y, x) } }
    }
  }

  /// The taps that are there, in order, and where they lead.
  private func taps(
    _ place: (_ row: Int, _ column: Int) -> (Int?, Int?)
  ) -> [(row: Int, column: Int, y: Int, x: Int)] {
    (0..<shape.kernelHeight).flatMap { row in
      (0..<shape.kernelWidth).compactMap { column in
        guard case (let y?, let x?) = place(row, column) else { return nil }
        return (row, column, y, x)
      }
    }
  }
}
