import CVectors

@testable import Kernels
@testable import TestSupport

/// Winograd's convolutions as they are defined, F(4×4, 3×3) and F(2×2, 5×5): transforms down the columns and along the rows of
/// a tile, between them 36 chains over the channels or, for the weights' gradient, over the tiles.
struct WinogradDefinition {
  let convolution: ConvolutionDefinition
  private var shape: ConvolutionShape { convolution.shape }
  /// Of the weights and of a tile's output, along an axis.
  private let taps, tile: Int
  private let transforms: WinogradTransforms

  init(_ convolution: ConvolutionDefinition) {
    self.convolution = convolution
    taps = convolution.shape.kernelHeight
    tile = 7 - taps
    transforms = WinogradTransforms(isLarge: taps == 5)
  }

  /// Images as tiles see them: zeros all around.
  private struct Images {
    let buffer: GuardedBuffer
    let height, width, channels: Int

    subscript(image: Int, y: Int, x: Int, channel: Int) -> Float {
      guard (0..<height).contains(y), (0..<width).contains(x) else { return 0 }
      return buffer.pointer[((image * height + y) * width + x) * channels + channel]
    }

    /// A square of pixels, row by row.
    func square(_ corner: (image: Int, y: Int, x: Int), _ channel: Int, extent: Int) -> [Float] {
      (0..<extent * extent).map { self[corner.image, corner.y + $0 / extent, corner.x + $0 % extent, channel] }
    }
  }

  private var input: Images {
    Images(buffer: convolution.input, height: shape.inHeight, width: shape.inWidth, channels: shape.inChannels)
  }
  private var gradient: Images {
    Images(buffer: convolution.gradient, height: shape.outHeight, width: shape.outWidth, channels: shape.outChannels)
  }

  /// Of images so large, the first pixels of all tiles.
  private func corners(_ height: Int, _ width: Int) -> [(image: Int, y: Int, x: Int)] {
    (0..<shape.batch).flatMap { image in
      stride(from: 0, to: height, by: tile).flatMap { y in stride(from: 0, to: width, by: tile).map { (image, y, $0) } }
    }
  }

  /// Forward or, of the output's gradient with turned weights, the input's gradient.
  func pass(isGradient: Bool, hasBias: Bool, cuts: Bool) -> GuardedBuffer {
    let (from, to) = isGradient ? (gradient, input) : (input, gradient)
    let padding = shape.padding.map { isGradient ? taps - 1 - $0 : $0 }
    let (result, count) = (GuardedBuffer(to.buffer.count), taps * taps)
    let weights = (0..<to.channels).map { out in
      (0..<from.channels).map { channel in
        let first = (isGradient ? channel * to.channels + out : out * from.channels + channel) * count
        let kernel = (0..<count).map { convolution.weights.pointer[first + (isGradient ? count - 1 - $0 : $0)] }
        return transformed(kernel, taps, 6, transforms.weights)
      }
    }
    for corner in corners(to.height, to.width) {
      let images = (0..<from.channels).map { channel in
        let seen = (corner.image, corner.y - padding[0], corner.x - padding[1])
        return transformed(from.square(seen, channel, extent: 6), 6, 6, transforms.input)
      }
      for out in 0..<to.channels {
        var sums = [Float](repeating: 0, count: 36)
        for channel in 0..<from.channels { Self.add(images[channel], weights[out][channel], to: &sums) }
        for (place, sum) in transformed(sums, 6, tile, transforms.output).enumerated() {
          let (y, x) = (corner.y + place / tile, corner.x + place % tile)
          guard y < to.height, x < to.width else { continue }
          let value = hasBias ? sum + convolution.bias.pointer[out] : sum
          let index = ((corner.image * to.height + y) * to.width + x) * to.channels + out
          result.pointer[index] = cuts && value < 0 ? 0 : value
        }
      }
    }
    return result
  }

  /// Chains end after 384 tiles; from the second on, what they come to is added.
  func weightsGradient() -> GuardedBuffer {
    let result = GuardedBuffer([Float](repeating: 0, count: convolution.weights.count))
    let corners = corners(shape.outHeight, shape.outWidth)
    for first in stride(from: 0, to: corners.count, by: 384) {
      let tiles = corners[first..<min(first + 384, corners.count)]
      let images = (0..<shape.inChannels).map { channel in
        tiles.map { corner in
          let seen = (corner.image, corner.y - shape.padding[0], corner.x - shape.padding[1])
          return transformed(input.square(seen, channel, extent: 6), 6, 6, transforms.input)
        }
      }
      for out in 0..<shape.outChannels {
        let gradients = tiles.map {
          transformed(gradient.square($0, out, extent: tile), tile, 6, transforms.outputGradient)
        }
        for channel in 0..<shape.inChannels {
          var sums = [Float](repeating: 0, count: 36)
          for (image, gradient) in zip(images[channel], gradients) { Self.add(image, gradient, to: &sums) }
          let to = result.pointer + (out * shape.inChannels + channel) * taps * taps
          for (tap, sum) in transformed(sums, 6, taps, transforms.weightsGradient).enumerated() {
            to[tap] = first == 0 ? sum : to[tap] + sum
          }
        }
      }
    }
    return result
  }

  private static func add(_ left: [Float], _ right: [Float], to sums: inout [Float]) {
    for place in 0..<36 { sums[place] = sums[place].addingProduct(left[place], right[place]) }
  }

  /// Of a square of `count` × `count` one of `wanted` × `wanted`: columns first, then rows.
  private func transformed(
    _ square: [Float], _ count: Int, _ wanted: Int, _ transform: ([Float]) -> [Float]
  ) -> [Float] {
    let columns = (0..<count).map { column in transform((0..<count).map { square[$0 * count + column] }) }
    return (0..<wanted).flatMap { row in transform(columns.map { $0[row] }) }
  }
}

// The finite points but 0 and their powers; what the weights take in.
private let (a, b): (Float, Float) = (0.625, 1.5)
private let (a2, a3, b2, b3): (Float, Float, Float, Float) = (0.390625, 0.244140625, 2.25, 3.375)
private let (scaleOfA, scaleOfB) = (1 / (2 * 0.390625 * (0.390625 - 2.25)), 1 / (2 * 2.25 * (2.25 - 0.390625)))
private let scale = Float(1 / (0.390625 * 2.25))
private let inA = [1, 0.625, 0.390625, 0.244140625, 0.152587890625].map { Float($0 * scaleOfA) }
private let inB = [1, 1.5, 2.25, 3.375, 5.0625].map { Float($0 * scaleOfB) }

/// The steps of each transform, at the points 0, ±5/8, ±3/2 and infinity.
struct WinogradTransforms {
  /// Of 5×5 weights and not 3×3.
  let isLarge: Bool

  /// `x · y + z`, rounded once.
  private func fma(_ x: Float, _ y: Float, _ z: Float) -> Float { z.addingProduct(x, y) }

  /// The four finite points but 0: what is even and what is odd in them.
  private func atPoints(_ evenA: Float, _ oddA: Float, _ evenB: Float, _ oddB: Float) -> [Float] {
    [fma(a, oddA, evenA), fma(-a, oddA, evenA), fma(b, oddB, evenB), fma(-b, oddB, evenB)]
  }

  func input(_ d: [Float]) -> [Float] {
    let points = atPoints(fma(-b2, d[2], d[4]), fma(-b2, d[1], d[3]), fma(-a2, d[2], d[4]), fma(-a2, d[1], d[3]))
    return [fma(a2 * b2, d[0], fma(-(a2 + b2), d[2], d[4]))] + points
      + [fma(a2 * b2, d[1], fma(-(a2 + b2), d[3], d[5]))]
  }

  func output(_ m: [Float]) -> [Float] {
    let (evenA, oddA, evenB, oddB) = (m[1] + m[2], m[1] - m[2], m[3] + m[4], m[3] - m[4])
    let first = m[0] + (evenA + evenB)
    if isLarge { return [first, fma(a, oddA, fma(b, oddB, m[5]))] }
    return [first, fma(b, oddB, a * oddA), fma(b2, evenB, a2 * evenA), fma(a3, oddA, fma(b3, oddB, m[5]))]
  }

  func weights(_ g: [Float]) -> [Float] {
    let (oneA, twoA) = isLarge ? (fma(a2, g[3], g[1]), fma(a2, g[4], g[2])) : (g[1], g[2])
    let (oneB, twoB) = isLarge ? (fma(b2, g[3], g[1]), fma(b2, g[4], g[2])) : (g[1], g[2])
    let (evenA, evenB) = (fma(inA[2], twoA, inA[0] * g[0]), fma(inB[2], twoB, inB[0] * g[0]))
    return [
      scale * g[0], fma(inA[1], oneA, evenA), fma(-inA[1], oneA, evenA), fma(inB[1], oneB, evenB),
      fma(-inB[1], oneB, evenB), g[g.count - 1],
    ]
  }

  func outputGradient(_ y: [Float]) -> [Float] {
    let points =
      isLarge
      ? atPoints(y[0], y[1], y[0], y[1])
      : atPoints(fma(a2, y[2], y[0]), fma(a2, y[3], y[1]), fma(b2, y[2], y[0]), fma(b2, y[3], y[1]))
    return [y[0]] + points + [y[y.count - 1]]
  }

  func weightsGradient(_ u: [Float]) -> [Float] {
    let (evenA, oddA, evenB, oddB) = (u[1] + u[2], u[1] - u[2], u[3] + u[4], u[3] - u[4])
    let first = fma(scale, u[0], fma(inB[0], evenB, inA[0] * evenA))
    let second = fma(inB[1], oddB, inA[1] * oddA)
    if !isLarge { return [first, second, fma(inB[2], evenB, fma(inA[2], evenA, u[5]))] }
    return [
      first, second, fma(inB[2], evenB, inA[2] * evenA), fma(inB[3], oddB, inA[3] * oddA),
      fma(inB[4], evenB, fma(inA[4], evenA, u[5])),
    ]
  }
}
