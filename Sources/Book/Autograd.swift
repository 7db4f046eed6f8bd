import Foundation
import Lockstep

/// Chapter 2.5.
func autogradChapter(_ page: Page) throws {
  let x = Tensor.arange(4, .float32).requiringGradient()
  page.expect("no gradient at first", x.gradient == nil)
  func gradient(_ what: String, notes: [Double], _ compute: () throws -> Tensor) throws {
    x.gradient = nil
    try compute().backward()
    try page.compare(what, x.gradient ?? .empty, notes: notes)
  }
  try page.compare("y = 2 x·x", 2 * x.dot(x), notes: [28])
  try gradient("its gradient", notes: [0, 4, 8, 12]) { 2 * x.dot(x) }
  try gradient("of the sum", notes: [1, 1, 1, 1]) { x.sum() }
  try gradient("of Σ x²", notes: [0, 2, 4, 6]) { (x * x).sum() }
  try gradient("x² detached, times x", notes: [0, 1, 4, 9]) { ((x * x).detached() * x).sum() }
  try gradient("and x² itself", notes: [0, 2, 4, 6]) { (x * x).sum() }
  do {
    try (x * x).backward()
    page.expect("backward of a vector is refused", false)
  } catch {
    page.expect("backward of a vector is refused", "\(error)".contains("scalar"), "\(error)")
  }
  try gradient("through loops and branches", notes: [512, 512, 512, 512]) { try controlFlow(x).sum() }
  let a = Tensor.normal([], key: RandomKey(seed: 3)).requiringGradient()
  let d = try controlFlow(a)
  try d.backward()
  page.compare(
    "slope of a piecewise linear function", try (a.gradient ?? .empty).item(), notes: try (d / a).item(),
    within: 1e-2)
  try sine(page)
}

/// The notes' function whose path depends on its argument.
private func controlFlow(_ a: Tensor) throws -> Tensor {
  var b = a * 2
  while try b.norm().item() < 1000 { b = b * 2 }
  return try b.sum().item() > 0 ? b : 100 * b
}

/// The derivative of the sine, without its formula.
private func sine(_ page: Page) throws {
  let x = Tensor.arange(0, 10, by: 0.1).requiringGradient()
  let y = x.sin()
  try y.sum().backward()
  let slopes = x.gradient ?? .empty
  let error = try (slopes - x.detached().cos()).abs().max().item()
  page.compare("sin′ - cos, at the most", error, notes: 0, within: 1e-6)
  let (places, values) = (try x.values(as: Double.self), try y.values(as: Double.self))
  try page.draw(
    "autograd", "x", "",
    [
      Curve("sin x", Array(zip(places, values))),
      Curve("gradient of x", Array(zip(places, try slopes.values(as: Double.self)))),
    ])
}

/// Chapter 2.6.
func probabilityChapter(_ page: Page) throws {
  let fair = [Double](repeating: 1.0 / 6, count: 6)
  let key = RandomKey(seed: 0)
  for draws in [1, 10] {
    let counts = Tensor.multinomial(draws: draws, probabilities: fair, key: key)
    page.expect("\(draws) throw(s) of a die", try counts.sum().item() == Double(draws), "\(counts)")
  }
  let shares = Tensor.multinomial(draws: 1000, probabilities: fair, key: key) / 1000
  // Four standard deviations of a share.
  try page.compare("shares of 1000 throws", shares, notes: fair, within: 4 * (5.0 / 36 / 1000).squareRoot())

  let counts = Tensor.multinomial(draws: 10, probabilities: fair, groups: 500, key: RandomKey(seed: 1))
  page.expect("500 groups of 10 throws", counts.shape == [500, 6], "\(counts.shape)")
  let running = counts.cumulativeSum(0)
  try page.compare("throws after the first and the last group", running.sum(1).selected([0, 499]), notes: [10, 5000])
  let estimates = running / running.sum(1, keepingAxes: true)
  try page.compare("estimates in the end", estimates[499], notes: fair, within: 4 * (5.0 / 36 / 5000).squareRoot())
  let curves = try (0..<6).map { face in
    let values = try estimates.selected([face], axis: 1).values(as: Double.self)
    return Curve("P(die = \(face + 1))", values.enumerated().map { (Double($0), $1) })
  }
  try page.draw("probability", "groups of experiments", "estimated probability", curves, ["set yrange [0.1:0.3]"])
}
