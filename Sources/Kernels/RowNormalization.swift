import CVectors

/// Normalises each row of `[rows, width]` by its own mean and variance, of float32: one order of operations on every
/// processor (`CVectors/Native/rows.h`), whichever backend computes.
public struct RowNormalization: Sendable {
  /// How many rows there are, and numbers in each.
  public let rows, width: Int
  /// Whether the mean is taken off first; else the row is divided by its root mean square.
  public let isCentred: Bool
  /// Added to the variance.
  public let epsilon: Double

  /// Of memory without gaps.
  public init(rows: Int, width: Int, isCentred: Bool, epsilon: Double) {
    (self.rows, self.width, self.isCentred, self.epsilon) = (rows, width, isCentred, epsilon)
  }

  /// `output = (input - mean) · inverse · weight + bias`, weight and bias `[width]` or nil for 1 and 0; a bias needs a weight. Of
  /// `2 · rows` elements of statistics, for the gradient, the first are means, then come inverses.
  public func normalize(
    _ input: ConstantFloats, weight: ConstantFloats?, bias: ConstantFloats?, into output: Floats, statistics: Floats
  ) {
    normalize(input, weight: weight, bias: bias, into: output, statistics: statistics, by: .inUse)
  }

  /// The derivative of the input.
  public func gradient(
    _ input: ConstantFloats, _ outputGradient: ConstantFloats, weight: ConstantFloats?, statistics: ConstantFloats,
    into result: Floats
  ) {
    gradient(input, outputGradient, weight: weight, statistics: statistics, into: result, by: .inUse)
  }

  /// The derivatives of weight and bias.
  public func parameterGradients(
    _ input: ConstantFloats, _ outputGradient: ConstantFloats, statistics: ConstantFloats, weight: Floats,
    bias: Floats?
  ) {
    parameterGradients(input, outputGradient, statistics: statistics, weight: weight, bias: bias, by: .inUse)
  }

  func normalize(
    _ input: ConstantFloats, weight: ConstantFloats?, bias: ConstantFloats?, into output: Floats, statistics: Floats,
    by instructions: InstructionSet
  ) {
    let kernel = instructions.kernels.pointee.normalize_rows
    share { part, first in
      withUnsafePointer(to: part) {
        kernel(
          $0, input + first * width, weight, bias, output + first * width, statistics + first,
          statistics + rows + first)
      }
    }
  }

  func gradient(
    _ input: ConstantFloats, _ outputGradient: ConstantFloats, weight: ConstantFloats?, statistics: ConstantFloats,
    into result: Floats, by instructions: InstructionSet
  ) {
    let kernel = instructions.kernels.pointee.normalize_rows_back
    share { part, first in
      withUnsafePointer(to: part) {
        kernel(
          $0, input + first * width, outputGradient + first * width, weight, statistics + first,
          statistics + rows + first, result + first * width)
      }
    }
  }

  func parameterGradients(
    _ input: ConstantFloats, _ outputGradient: ConstantFloats, statistics: ConstantFloats, weight: Floats,
    bias: Floats?, by instructions: InstructionSet
  ) {
    let kernel = instructions.kernels.pointee.normalize_rows_sums
    let shape = native(rows: rows)
    KernelThreads.share(width, inParts: KernelThreads.parts(ofWork: 4, rows, width), multiplesOf: 16) { columns in
      withUnsafePointer(to: shape) {
        kernel(
          $0, input, outputGradient, statistics, statistics + rows, weight, bias, columns.lowerBound,
          columns.upperBound)
      }
    }
  }

  private func native(rows: Int) -> native_rows {
    native_rows(count: rows, extent: width, is_centred: isCentred ? 1 : 0, epsilon: epsilon)
  }

  /// Calls `body` on threads with some of the rows, and the first of them.
  private func share(_ body: (_ part: native_rows, _ first: Int) -> Void) {
    KernelThreads.share(rows, inParts: KernelThreads.parts(ofWork: 6, rows, width), multiplesOf: 1) {
      body(native(rows: $0.count), $0.lowerBound)
    }
  }
}
