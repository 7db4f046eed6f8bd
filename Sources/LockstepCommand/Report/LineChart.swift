import Foundation

/// Curves over epochs as an SVG within a page, whose style colours it.
struct LineChart {
  let title: String
  let curves: [(name: String, points: [(Double, Double)])]

  private static let size = (width: 520.0, height: 300.0)
  private static let frame = (left: 56.0, right: 16.0, top: 48.0, bottom: 34.0)

  var svg: String {
    let points = curves.flatMap(\.points)
    guard !points.isEmpty else { return "" }
    let epochs = Scale(points.map(\.0), from: Self.frame.left, to: Self.size.width - Self.frame.right, isWhole: true)
    let values = Scale(points.map(\.1), from: Self.size.height - Self.frame.bottom, to: Self.frame.top)
    let (width, height) = (short(Self.size.width), short(Self.size.height))
    return """
      <svg viewBox="0 0 \(width) \(height)" role="img" aria-label="\(HTMLPage.escaped(title))">
      <text class="title" x="\(short(Self.frame.left))" y="18">\(HTMLPage.escaped(title))</text>
      \(legend)
      \(grid(epochs, values))
      \(curves.enumerated().map { curve($0, $1.points, epochs, values) }.joined(separator: "\n"))
      </svg>
      """
  }

  private var legend: String {
    var x = Self.frame.left
    return curves.enumerated().map { index, curve in
      defer { x += 30 + 7.5 * Double(curve.name.count) }
      return
        "<line x1=\"\(short(x))\" x2=\"\(short(x + 16))\" y1=\"33\" y2=\"33\" style=\"stroke: var(--c\(index % 6))\" "
        + "stroke-width=\"3\"/><text x=\"\(short(x + 21))\" y=\"37\">\(HTMLPage.escaped(curve.name))</text>"
    }.joined(separator: "\n")
  }

  private func grid(_ epochs: Scale, _ values: Scale) -> String {
    let (left, right) = (Self.frame.left, Self.size.width - Self.frame.right)
    let bottom = Self.size.height - Self.frame.bottom
    let lines = values.ticks.map { tick in
      let y = values.place(tick)
      return "<line class=\"grid\" x1=\"\(short(left))\" x2=\"\(short(right))\" y1=\"\(short(y))\" y2=\"\(short(y))\"/>"
        + "<text x=\"\(short(left - 8))\" y=\"\(short(y + 4))\" text-anchor=\"end\">\(values.text(tick))</text>"
    }
    let marks = epochs.ticks.map { tick in
      "<text x=\"\(short(epochs.place(tick)))\" y=\"\(short(bottom + 18))\" text-anchor=\"middle\">\(epochs.text(tick))</text>"
    }
    let label = "<text x=\"\(short(right))\" y=\"\(short(bottom + 31))\" text-anchor=\"end\">epoch</text>"
    return (lines + marks + [label]).joined(separator: "\n")
  }

  private func curve(_ index: Int, _ points: [(Double, Double)], _ epochs: Scale, _ values: Scale) -> String {
    let places = points.map { (short(epochs.place($0.0)), short(values.place($0.1))) }
    let line = places.map { "\($0.0),\($0.1)" }.joined(separator: " ")
    let dots = places.count > 40 ? [] : places
    return "<polyline class=\"curve\" style=\"stroke: var(--c\(index % 6))\" points=\"\(line)\"/>"
      + dots.map { "<circle cx=\"\($0.0)\" cy=\"\($0.1)\" r=\"3\" style=\"fill: var(--c\(index % 6))\"/>" }.joined()
  }

  private func short(_ value: Double) -> String {
    value == value.rounded() ? "\(Int(value))" : String(format: "%.1f", value)
  }
}

/// An axis: its range, round numbers within it, and where they stand.
struct Scale {
  let low, high: Double
  let ticks: [Double]
  private let step: Double
  private let ends: (from: Double, to: Double)

  /// From 0 where values come near it; whole numbers have only whole ticks, and the axis ends with them.
  init(_ values: [Double], from: Double, to: Double, isWhole: Bool = false) {
    ends = (from, to)
    let (least, most) = (values.min() ?? 0, values.max() ?? 1)
    var (low, high) = (!isWhole && least >= 0 && least < 0.4 * most ? 0 : least, most)
    // A single value stands in the middle, or above 0 where it has no other sign.
    if low == high {
      let room = isWhole ? 1 : max(abs(low) / 2, 0.5)
      (low, high) = (!isWhole && low >= 0 ? max(low - room, 0) : low - room, high + room)
    }
    let rough = max((high - low) / 5, 1e-300)
    let power = pow(10, floor(log10(rough)))
    let factor = [1, 2, 5, 10].first { $0 * power >= rough } ?? 10
    step = isWhole ? max(1, (factor * power).rounded()) : factor * power
    if !isWhole { (low, high) = (floor(low / step) * step, ceil(high / step) * step) }
    (self.low, self.high) = (low, high)
    let (first, last) = (Int((low / step).rounded(.up)), Int((high / step + 1e-9).rounded(.down)))
    let step = step
    ticks = first <= last ? (first...last).map { Double($0) * step } : []
  }

  func place(_ value: Double) -> Double { ends.from + (value - low) / (high - low) * (ends.to - ends.from) }

  func text(_ tick: Double) -> String {
    let digits = max(0, Int((-log10(step) - 1e-9).rounded(.up)))
    return String(format: "%.\(min(digits, 8))f", tick)
  }
}
