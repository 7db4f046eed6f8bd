import Glibc

/// Every kernel as its definition says, sum by sum in float64: what the fast ones are held against, and slow. It can train
/// (`--kernels reference`), so a doubt about a kernel can be settled on a whole model.
public struct Reference: Backend {
  /// There is nothing to choose.
  public init() {}

  public var precision: Precision { .float32 }

  public func multiply(
    rows: Int, columns: Int, inner: Int, _ left: MatrixOperand, _ right: MatrixOperand, into result: Floats,
    accumulating: Bool
  ) throws {
    let (a, b) = (left.steps, right.steps)
    for row in 0..<rows {
      for column in 0..<columns {
        var sum = accumulating ? Double(result[row * columns + column]) : 0
        var (x, y) = (left.data + row * a.row, right.data + column * b.column)
        var left = inner
        // Not `for in`: tests run this unoptimised, where an iterator costs more than the product.
        while left > 0 {
          sum += Double(x.pointee) * Double(y.pointee)
          x += a.column
          y += b.row
          left -= 1
        }
        result[row * columns + column] = Float(sum)
      }
    }
  }

  public func transpose(rows: Int, columns: Int, _ matrix: ConstantFloats, into result: Floats) throws {
    turn(rows, columns, matrix, stride: columns, into: result, stride: rows)
  }

  /// The C library's functions.
  public func apply(_ activation: Activation, _ input: ConstantFloats, into result: Floats, count: Int) throws {
    for index in 0..<count { result[index] = Float(activation.value(Double(input[index]))) }
  }
}

extension MatrixOperand {
  /// Elements from one row of the factor to the next, and from one column to the next.
  fileprivate var steps: (row: Int, column: Int) { isTransposed ? (1, rowStride) : (rowStride, 1) }
}

extension Activation {
  func value(_ x: Double) -> Double {
    switch self {
    case .sigmoid: 1 / (1 + Glibc.exp(-x))
    case .tanh: Glibc.tanh(x)
    case .exp: Glibc.exp(x)
    }
  }
}
