/// Maxima of windows in which numbers need not be finite, as PyTorch has them: NaN is larger than anything, and the last one
/// of a window wins; the first of equal numbers wins, -∞ too; padding never does.
///
/// oneDNN passes over NaN and takes the smallest finite number for -∞.
struct WindowMaxima {
  private let shape: PoolingShape
  /// Channels that lie side by side, and how many times so many an image has.
  private let lanes, blocks: Int

  init(_ shape: PoolingShape) {
    self.shape = shape
    lanes = shape.layout == .blocked ? ImageLayout.blockWidth : shape.channels
    blocks = shape.layout == .blocked ? shape.layout.padded(shape.channels) / ImageLayout.blockWidth : 1
  }

  /// - Parameter winners: the pixel of each maximum.
  func forward(_ input: ConstantFloats, _ output: Floats, winners: UnsafeMutablePointer<Int32>) {
    forEachWindow { plane, place, lines, columns in
      let (maxima, pixels) = (output + place, winners + place)
      maxima.update(repeating: -.infinity, count: lanes)
      pixels.update(repeating: -1, count: lanes)
      for line in lines {
        for column in columns {
          let pixel = line * shape.inWidth + column
          let values = input + (plane * shape.inHeight * shape.inWidth + pixel) * lanes
          for lane in 0..<lanes where values[lane] > maxima[lane] || values[lane].isNaN || pixels[lane] < 0 {
            (maxima[lane], pixels[lane]) = (values[lane], Int32(truncatingIfNeeded: pixel))
          }
        }
      }
    }
  }

  func backward(_ outputGradient: ConstantFloats, _ inputGradient: Floats, winners: UnsafePointer<Int32>) {
    inputGradient.update(repeating: 0, count: shape.input.elementCount(shape.layout))
    forEachWindow { plane, place, _, _ in
      let target = inputGradient + plane * shape.inHeight * shape.inWidth * lanes
      for lane in 0..<lanes where winners[place + lane] >= 0 {
        target[Int(winners[place + lane]) * lanes + lane] += outputGradient[place + lane]
      }
    }
  }

  /// Calls `body` with each plane of an image's channels, the place of a window's maxima, and the window inside of the input.
  private func forEachWindow(
    _ body: (_ plane: Int, _ place: Int, _ lines: Range<Int>, _ columns: Range<Int>) -> Void
  ) {
    for plane in 0..<shape.batch * blocks {
      for row in 0..<shape.outHeight {
        let lines = inside(row, shape.inHeight, 0)
        for column in 0..<shape.outWidth {
          let place = ((plane * shape.outHeight + row) * shape.outWidth + column) * lanes
          body(plane, place, lines, inside(column, shape.inWidth, 1))
        }
      }
    }
  }

  private func inside(_ index: Int, _ extent: Int, _ way: Int) -> Range<Int> {
    let start = index * shape.stride[way] - shape.padding[way]
    return max(start, 0)..<max(min(start + shape.kernel[way], extent), max(start, 0))
  }
}
