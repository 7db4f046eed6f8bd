import CDNNL

/// A convolution with few output channels, seen as one with more.
///
/// A kernel of oneDNN fills the lanes of a vector with output channels: LeNet's 6 leave ten of sixteen empty. Neighbouring
/// columns of a channels-last output lie one after the other in memory, so `count` of them can be taken for one pixel of
/// `count` times as many channels. Each of these channels has the same weights, moved by one column, in a kernel that is
/// `count - 1` columns wider; the window moves by `count` columns. Input and output stay where they are.
struct ColumnFold {
  let count: Int
  let folded: ConvolutionShape
  private let shape: ConvolutionShape

  /// Nil where it gains nothing.
  init?(_ shape: ConvolutionShape) {
    guard shape.inLayout == .channelsLast, shape.outLayout == .channelsLast else { return nil }
    guard shape.groups == 1, shape.stride == [1, 1], shape.dilation == [1, 1], shape.kernelWidth > 2 else { return nil }
    let lanes = Self.lanes
    let fitting = [8, 4, 2].first { shape.outChannels * $0 <= lanes && shape.outWidth % $0 == 0 }
    guard let count = fitting else { return nil }
    var folded = shape
    folded.outChannels *= count
    folded.kernelWidth += count - 1
    folded.stride = [1, count]
    (self.shape, self.count, self.folded) = (shape, count, folded)
  }

  private static let lanes = Int(lockstep_vector_lanes())
  private var rowCount: Int { shape.inChannels * shape.kernelHeight }
  private var weightCount: Int { folded.outChannels * rowCount * folded.kernelWidth }

  /// Calls `body` with the weights of the folded kernel and its bias.
  func withFolded(
    _ weights: UnsafePointer<Float>, _ bias: UnsafePointer<Float>?,
    _ body: (UnsafePointer<Float>, UnsafePointer<Float>?) throws -> Void
  ) throws {
    try withBuffers { wide, wideBias in
      wide.update(repeating: 0, count: weightCount)
      forEachRow { copy, channel, narrowRow, wideRow in
        (wide + wideRow).update(from: weights + narrowRow, count: shape.kernelWidth)
        if let bias { wideBias[copy * shape.outChannels + channel] = bias[channel] }
      }
      try body(wide, bias == nil ? nil : UnsafePointer(wideBias))
    }
  }

  /// Adds up what `body` writes as the gradients of the folded kernel's weights and bias.
  func unfolding(
    _ weights: UnsafeMutablePointer<Float>, _ bias: UnsafeMutablePointer<Float>?,
    _ body: (UnsafePointer<Float>, UnsafePointer<Float>?) throws -> Void
  ) throws {
    try withBuffers { wide, wideBias in
      try body(wide, bias == nil ? nil : UnsafePointer(wideBias))
      weights.update(repeating: 0, count: shape.outChannels * rowCount * shape.kernelWidth)
      forEachRow { _, _, narrowRow, wideRow in
        for column in 0..<shape.kernelWidth { weights[narrowRow + column] += wide[wideRow + column] }
      }
      guard let bias else { return }
      for channel in 0..<shape.outChannels {
        bias[channel] = (0..<count).reduce(0) { $0 + wideBias[$1 * shape.outChannels + channel] }
      }
    }
  }

  /// Visits each row of the narrow kernel with its place in the copy of each column.
  private func forEachRow(_ visit: (_ copy: Int, _ channel: Int, _ narrowRow: Int, _ wideRow: Int) -> Void) {
    for copy in 0..<count {
      for channel in 0..<shape.outChannels {
        for row in 0..<rowCount {
          let narrow = (channel * rowCount + row) * shape.kernelWidth
          let wide = ((copy * shape.outChannels + channel) * rowCount + row) * folded.kernelWidth + copy
          visit(copy, channel, narrow, wide)
        }
      }
    }
  }

  private func withBuffers(
    _ body: (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>) throws -> Void
  ) throws {
    try ScratchMemory.floats(weightCount + folded.outChannels) { weights in
      try body(weights, weights + weightCount)
    }
  }
}
