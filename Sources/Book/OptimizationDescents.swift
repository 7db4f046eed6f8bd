import Foundation
import Lockstep

/// Chapter 11: how steps are chosen, from gradient descent to Adam, and how long they are over a training. The book's data, the noise
/// of airfoils in a wind tunnel, are not here; a table that is made up takes their place (`WindTunnel`).
func optimizationChapter(_ page: Page) throws {
  descentOfOneNumber(page)
  descentOfTwoNumbers(page)
  momentumOnAnEllipse(page)
  try optimizationAlgorithms(page)
  try learningRateSchedules(page)
}

/// Chapter 11.3: gradient descent on `x²`, and on a function with several minima.
private func descentOfOneNumber(_ page: Page) {
  /// Ten steps from 10; `step` gives what is taken off.
  func descend(_ step: (Double) -> Double) -> [Double] {
    (0..<10).reduce(into: [10.0]) { path, _ in path.append(path[path.count - 1] - step(path[path.count - 1])) }
  }
  let square = descend { 0.2 * 2 * $0 }
  page.compare("x after 10 steps, rate 0.2", square[10], notes: 0.060466, within: 1e-6)
  page.compare("rate 0.05 is slow", descend { 0.05 * 2 * $0 }[10], notes: 3.486784, within: 1e-6)
  page.compare("rate 1.1 diverges", descend { 1.1 * 2 * $0 }[10], notes: 61.917364, within: 1e-5)
  let c = 0.15 * Double.pi
  page.compare(
    "a local minimum of x cos(cx)", descend { 2 * (cos(c * $0) - c * $0 * sin(c * $0)) }[10], notes: -1.528166,
    within: 1e-6)
  // Newton's method takes the curvature into account, and is led astray where it is negative.
  page.compare("Newton on cosh(x/2)", descend { tanh(0.5 * $0) / 0.5 }[10], notes: 0, within: 1e-6)
  func newton(_ rate: Double) -> Double {
    descend { x in
      let slope = cos(c * x) - c * x * sin(c * x)
      return rate * slope / (-2 * c * sin(c * x) - x * c * c * cos(c * x))
    }[10]
  }
  page.compare("Newton on x cos(cx)", newton(1), notes: 26.834133, within: 1e-5)
  page.compare("Newton on x cos(cx), rate 0.5", newton(0.5), notes: 7.269860, within: 1e-5)
  page.draw(
    "gradient-descent", "x", "f(x)",
    [
      Curve("x²", over: stride(from: -10.5, to: 10.6, by: 0.1)) { $0 * $0 },
      Curve("steps, rate 0.2", square.map { ($0, $0 * $0) }),
    ])
}

/// A point of the plane, and what an algorithm remembers of both numbers.
private struct Place {
  var (x, s) = (SIMD2(-5.0, -2), SIMD2<Double>.zero)
}

/// The notes' `train_2d`: twenty steps from (-5, -2); where each began, and the end.
private func walk(_ step: (inout Place) -> Void) -> [SIMD2<Double>] {
  var place = Place()
  return [place.x]
    + (0..<20).map { _ in
      step(&place)
      return place.x
    }
}

extension Page {
  fileprivate func compare(_ what: String, _ path: [SIMD2<Double>], notes: (Double, Double)) {
    compare("\(what), x1", path[20].x, notes: notes.0, within: 1e-5 * max(1, abs(notes.0)))
    compare("\(what), x2", path[20].y, notes: notes.1, within: 1e-5 * max(1, abs(notes.1)))
  }
}

/// Chapters 11.3 and 11.4: descent on `x1² + 2 x2²`, with exact and with noisy gradients.
private func descentOfTwoNumbers(_ page: Page) {
  func gradient(_ x: SIMD2<Double>) -> SIMD2<Double> { SIMD2(2 * x.x, 4 * x.y) }
  let exact = walk { $0.x -= 0.1 * gradient($0.x) }
  page.compare("gradient descent in the plane", exact, notes: (-0.057646, -0.000073))
  let noise = page.numbers(Tensor.normal([40], key: RandomKey(seed: 11)))
  guard noise.count == 40 else { return }
  func noisy(_ rate: (Int) -> Double) -> [SIMD2<Double>] {
    var step = 0
    return walk {
      $0.x -= 0.1 * rate(step) * (gradient($0.x) + SIMD2(noise[2 * step], noise[2 * step + 1]))
      step += 1
    }
  }
  func distance(_ path: [SIMD2<Double>]) -> Double { (path[20] * path[20]).sum().squareRoot() }
  let (constant, falling) = (noisy { _ in 1 }, noisy { pow(1 + 0.1 * Double($0), -0.5) })
  page.expect(
    "noise keeps stochastic descent from the minimum", distance(constant) > distance(exact), "\(constant[20])")
  page.draw("stochastic-descent", [("exact", exact), ("noisy", constant), ("noisy, rate falls", falling)], 1, 2)
}

/// Chapters 11.6 to 11.8: a narrow valley, `0.1 x1² + 2 x2²`.
private func momentumOnAnEllipse(_ page: Page) {
  func gradient(_ x: SIMD2<Double>) -> SIMD2<Double> { SIMD2(0.2 * x.x, 4 * x.y) }
  func plain(_ rate: Double) -> [SIMD2<Double>] { walk { $0.x -= rate * gradient($0.x) } }
  func momentum(_ rate: Double, _ beta: Double) -> [SIMD2<Double>] {
    walk {
      $0.s = beta * $0.s + gradient($0.x)
      $0.x -= rate * $0.s
    }
  }
  func adagrad(_ rate: Double) -> [SIMD2<Double>] {
    walk {
      let g = gradient($0.x)
      $0.s += g * g
      $0.x -= rate * g / ($0.s + 1e-6).squareRoot()
    }
  }
  let rmsprop = walk {
    let g = gradient($0.x)
    $0.s = 0.9 * $0.s + 0.1 * g * g
    $0.x -= 0.4 * g / ($0.s + 1e-6).squareRoot()
  }
  page.compare("a valley, rate 0.4", plain(0.4), notes: (-0.943467, -0.000073))
  page.compare("rate 0.6 diverges", plain(0.6), notes: (-0.387814, -1673.365109))
  page.compare("momentum 0.5 saves it", momentum(0.6, 0.5), notes: (0.007188, 0.002553))
  page.compare("momentum 0.25, too", momentum(0.6, 0.25), notes: (-0.126340, -0.186632))
  page.compare("Adagrad, rate 0.4", adagrad(0.4), notes: (-2.382563, -0.158591))
  page.compare("Adagrad, rate 2", adagrad(2), notes: (-0.002295, 0))
  page.compare("RMSProp, rate 0.4", rmsprop, notes: (-0.010599, 0))
  page.draw(
    "optimization-valley",
    [
      ("rate 0.4", plain(0.4)), ("momentum 0.5, rate 0.6", momentum(0.6, 0.5)), ("Adagrad, rate 2", adagrad(2)),
      ("RMSProp, rate 0.4", rmsprop),
    ], 0.1, 2)
}

extension Page {
  /// Paths over the levels of `a x1² + b x2²`.
  fileprivate func draw(_ name: String, _ paths: [(String, [SIMD2<Double>])], _ a: Double, _ b: Double) {
    guard pictures != nil else { return }
    var lines = ["set xlabel 'x1'", "set ylabel 'x2'", "set grid", "set key outside top center horizontal"]
    let levels = stride(from: 1.0, through: 4, by: 1).map { level in
      stride(from: 0.0, through: 2.001 * Double.pi, by: 0.05).map { angle in
        (level * cos(angle) / a.squareRoot() * 0.5, level * sin(angle) / b.squareRoot() * 0.5)
      }
    }
    for (index, points) in levels.enumerated() { lines += Gnuplot.block("level\(index)", points) }
    for (index, path) in paths.enumerated() { lines += Gnuplot.block("path\(index)", path.1.map { ($0.x, $0.y) }) }
    let parts =
      levels.indices.map { "$level\($0) with lines linecolor rgb '#bbbbbb' notitle" }
      + paths.indices.map { "$path\($0) with linespoints pointtype 7 pointsize 0.4 title '\(paths[$0].0)'" }
    draw(name, lines + ["plot " + parts.joined(separator: ", ")])
  }
}
