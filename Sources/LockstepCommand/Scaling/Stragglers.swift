import Foundation

/// How much later the last of many is than one.
enum Stragglers {
  /// The expected largest of so many independent numbers, normally distributed around 0 with deviation 1:
  /// ∫ x n φ(x) Φ(x)ⁿ⁻¹ dx.
  static func expectedMaximum(of count: Int) -> Double {
    guard count > 1 else { return 0 }
    let (step, n) = (0.01, Double(count))
    return stride(from: -9.0, through: 9, by: step).reduce(0) { sum, x in
      let density = exp(-x * x / 2) / (2 * Double.pi).squareRoot()
      let below = erfc(-x / 2.0.squareRoot()) / 2
      return sum + x * n * density * pow(below, n - 1) * step
    }
  }
}
