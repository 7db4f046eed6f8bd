import Foundation
import Lockstep

/// Chapter 2.5.
func autogradChapter(_ page: Page) throws {
  let x = Tensor.arange(4, .float32).requiringGradient()
  page.expect("no gradient at first", x.gradient == nil)
  page.compare("y = 2 x·x", 2 * x.dot(x), notes: [28])
  for (what, notes, y) in [
    ("its gradient", [0, 4, 8, 12], 2 * x.dot(x)), ("of the sum", [1, 1, 1, 1], x.sum()),
    ("of Σ x²", [0, 2, 4, 6], (x * x).sum()),
    ("x² detached, times x", [0, 1, 4, 9], ((x * x).detached() * x).sum()),
    ("and x² itself", [0, 2, 4, 6], (x * x).sum()),
    ("through loops and branches", [512, 512, 512, 512], controlFlow(x).sum()),
  ] as [(String, [Double], Tensor)] {
    x.gradient = nil
    page.backward(y)
    page.compare(what, x.derivative, notes: notes)
  }
  do {
    try (x * x).backward()
    page.expect("backward of a vector is refused", false)
  } catch {
    page.expect("backward of a vector is refused", "\(error)".contains("scalar"), "\(error)")
  }
  let a = Tensor.normal([], key: RandomKey(seed: 3)).requiringGradient()
  let d = controlFlow(a)
  page.backward(d)
  page.compare(
    "slope of a piecewise linear function", a.derivative, notes: page.number(d / a),
    within: 1e-2)
  sine(page)
}

/// The notes' function whose path depends on its argument.
private func controlFlow(_ a: Tensor) -> Tensor {
  var b = a * 2
  while b.norm().number < 1000 { b = b * 2 }
  return b.sum().number > 0 ? b : 100 * b
}

/// The derivative of the sine, without its formula.
private func sine(_ page: Page) {
  let x = Tensor.arange(0, 10, by: 0.1).requiringGradient()
  let y = x.sin()
  page.backward(y.sum())
  let slopes = x.derivative
  page.compare("sin′ - cos, at the most", (slopes - x.detached().cos()).abs().max(), notes: 0, within: 1e-6)
  page.draw(
    "autograd", "x", "",
    [
      page.curve("sin x", x, y),
      page.curve("gradient of x", x, slopes),
    ])
}

/// Chapter 2.6.
func probabilityChapter(_ page: Page) {
  let fair = [Double](repeating: 1.0 / 6, count: 6)
  let key = RandomKey(seed: 0)
  for draws in [1, 10] {
    let counts = Tensor.multinomial(draws: draws, probabilities: fair, key: key)
    page.expect("\(draws) throw(s) of a die", page.number(counts.sum()) == Double(draws), "\(counts)")
  }
  let shares = Tensor.multinomial(draws: 1000, probabilities: fair, key: key) / 1000
  // Four standard deviations of a share.
  page.compare("shares of 1000 throws", shares, notes: fair, within: 4 * (5.0 / 36 / 1000).squareRoot())

  let counts = Tensor.multinomial(draws: 10, probabilities: fair, groups: 500, key: RandomKey(seed: 1))
  page.expect("500 groups of 10 throws", counts.shape == [500, 6], "\(counts.shape)")
  let running = counts.cumulativeSum(0)
  page.compare("throws after the first and the last group", running.sum(1).selected([0, 499]), notes: [10, 5000])
  let estimates = running / running.sum(1, keepingAxes: true)
  page.compare("estimates in the end", estimates[499], notes: fair, within: 4 * (5.0 / 36 / 5000).squareRoot())
  let curves = (0..<6).map { face in
    let values = page.numbers(estimates.selected([face], axis: 1))
    return Curve("P(die = \(face + 1))", values.enumerated().map { (Double($0), $1) })
  }
  page.draw("probability", "groups of experiments", "estimated probability", curves, ["set yrange [0.1:0.3]"])
}
