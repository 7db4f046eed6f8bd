import Foundation
import Lockstep

/// Chapter 2.3.
func linearAlgebraChapter(_ page: Page) {
  let (x, y) = (Tensor(Float(3)), Tensor(Float(2)))
  page.compare("scalars", Tensor.stack([x + y, x * y, x / y, x.pow(y)]), notes: [5, 6, 1.5, 9])
  page.compare("a vector", Tensor.arange(4), notes: [0, 1, 2, 3])
  sums(page)
  products(page)
  norms(page)
  exercises(page)
}

private func sums(_ page: Page) {
  let a = Tensor.arange(6).reshaped([2, 3])
  page.compare("sum", a.sum(), notes: [15])
  page.compare("sum over axis 0", a.sum(0), notes: [3, 5, 7])
  page.compare("sum over axis 1", a.sum(1), notes: [3, 12])
  page.compare("mean", a.mean(), notes: [2.5])
  let b = Tensor.arange(20).reshaped([1, 4, 5])
  page.expect("sum over the first of three axes", b.sum(0).shape == [4, 5])
  page.compare("over the second", b.sum(1), notes: [30, 34, 38, 42, 46])
  page.compare("over the third", b.sum(2), notes: [10, 35, 60, 85])
  let c = Tensor.arange(20).reshaped([4, 5])
  let kept = c.sum(0, keepingAxes: true)
  page.expect("an axis that is kept", kept.shape == [1, 5], "\(kept.shape)")
  page.compare("its values", kept, notes: [30, 34, 38, 42, 46])
  page.compare("running sums", Tensor.arange(6).reshaped([2, 3]).cumulativeSum(0), notes: [0, 1, 2, 3, 5, 7])
}

private func products(_ page: Page) {
  let (x, ones) = (Tensor.arange(4, .float32), Tensor.ones([4]))
  page.compare("dot product", x.dot(ones), notes: [6])
  let a = Tensor.arange(20, .float32).reshaped([5, 4])
  page.compare("matrix and vector", a.matmul(x), notes: [14, 38, 62, 86, 110])
  page.compare(
    "matrix and matrix", a.matmul(Tensor.ones([4, 3])), notes: [6, 22, 38, 54, 70].flatMap { [$0, $0, $0] })
}

private func norms(_ page: Page) {
  let u = Tensor([3, -4] as [Float])
  page.compare("L2 norm", u.norm(), notes: [5])
  page.compare("L1 norm", u.abs().sum(), notes: [7])
  page.compare("Frobenius norm", Tensor.ones([4, 9]).norm(), notes: [6])
}

private func exercises(_ page: Page) {
  let a = Tensor.arange(4).reshaped([2, 2])
  page.compare("transposed", a.transposed(), notes: [0, 2, 1, 3])
  page.compare("and back", a.transposed().transposed(), notes: [0, 1, 2, 3])
  page.compare("sum of transposes", a.transposed() + a.transposed(), notes: [0, 4, 2, 6])
  page.compare("transpose of the sum", (a + a).transposed(), notes: [0, 4, 2, 6])
  let rows = Tensor.arange(20).reshaped([5, 4])
  page.compare("row sums", rows.sum(1), notes: [6, 22, 38, 54, 70])
  page.compare(
    "divided by a row", rows / Tensor([1, 2, 3, 4] as [Int64]),
    notes: [
      0, 0.5, 0.6667, 0.75, 4, 2.5, 2, 1.75, 8, 4.5, 3.3333, 2.75, 12, 6.5, 4.6667, 3.75, 16, 8.5, 6, 4.75,
    ], within: 5e-5)
  let refusal = (rows / rows.sum(1)).fault.map { "\($0)" } ?? ""
  page.expect("5×4 by 5 is refused", refusal.contains("broadcast"), refusal)
}

/// Chapter 2.4: derivatives from differences.
func calculusChapter(_ page: Page) {
  let curve = { (x: Double) in pow(x, 3) - 1 / x }
  let slope = NumericalGradient.derivative(at: 1, curve)
  page.compare("slope of x³ - 1/x at 1", slope, notes: 4.000000019999117, within: 1e-9)
  let bowl = { (x: [Double]) in 3 * x[0] * x[0] + 5 * exp(x[1] * x[1]) }
  // The notes' own figures, 15000 and 42957, come from an array of integers, to which h can't be added.
  let gradient = NumericalGradient.gradient(at: [1, 1], bowl)
  page.compare("∂/∂x₁ of 3x₁² + 5exp(x₂²) at (1, 1)", gradient[0], notes: 6, within: 1e-6)
  page.compare("∂/∂x₂", gradient[1], notes: 10 * exp(1), within: 1e-5)
  let range = stride(from: 0.1, to: 5, by: 0.05)
  page.draw(
    "calculus", "x", "f(x)",
    [Curve("f(x)", over: range, curve), Curve("tangent at x = 1", over: range) { slope * ($0 - 1) + curve(1) }],
    ["set yrange [0:5]"])
}
