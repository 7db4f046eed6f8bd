/// Derivatives by central differences, `(f(x + h) - f(x - h)) / 2h`: what exact ones are checked against.
public enum NumericalGradient {
  /// The derivative of `function` at `x`.
  public static func derivative(
    at x: Double, step: Double = 1e-4, _ function: (Double) throws -> Double
  ) rethrows -> Double {
    (try function(x + step) - function(x - step)) / (2 * step)
  }

  /// The partial derivatives of `function` at `x`.
  public static func gradient(
    at x: [Double], step: Double = 1e-4, _ function: ([Double]) throws -> Double
  ) rethrows -> [Double] {
    try x.indices.map { index in
      try derivative(at: x[index], step: step) { value in
        var moved = x
        moved[index] = value
        return try function(moved)
      }
    }
  }
}
