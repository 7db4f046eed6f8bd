import Foundation
import MessagePassing

/// A step of a trace as a picture: of each rank a bar of the step's parts, one of the layers, and one of the messages.
public struct TracePicture {
  private static let (margin, width, barHeight) = (150.0, 900.0, 16.0)
  private static let colors: KeyValuePairs<StepPart, String> = [
    .fetch: "#bab0ac", .forward: "#4e79a7", .backward: "#f28e2b", .wait: "#e15759", .update: "#59a14f",
  ]
  private static let layerColors = ["#86bcb6", "#499894"]
  private static let messageColor = "#b07aa1"

  private var body = ""
  private let origin: Int
  /// Points of a nanosecond.
  private let scale: Double

  /// Draws the step whose length is the median; an empty picture where none was noted whole.
  public static func svg(of trace: Trace) -> [UInt8] {
    let lengths = trace.steps.map { step in (step, trace.spans(of: step).map(\.end).max() ?? 0, trace.start(of: step)) }
      .sorted { ($0.1 - $0.2, $0.0) < ($1.1 - $1.2, $1.0) }
    guard !lengths.isEmpty else { return Array("<svg xmlns=\"http://www.w3.org/2000/svg\"/>\n".utf8) }
    let (step, end, start) = lengths[lengths.count / 2]
    var picture = TracePicture(origin: start, scale: width / Double(max(end - start, 1)))
    return picture.draw(trace, step, length: end - start)
  }

  private init(origin: Int, scale: Double) { (self.origin, self.scale) = (origin, scale) }

  private mutating func draw(_ trace: Trace, _ step: Int, length: Int) -> [UInt8] {
    var top = 46.0
    text("step \(step), \(milliseconds(length)) ms", x: Self.margin, y: 18, size: 13)
    legend()
    for (number, rank) in trace.ranks.enumerated() {
      text("rank \(number) on \(rank.host)", x: 8, y: top + 12, size: 11)
      for row in rank.rows {
        let spans = row.spans.filter { $0.step == step }
        if spans.isEmpty { continue }
        if row.name == "training" {
          top = bar(spans.filter { StepPart(rawValue: $0.name) != nil }, top) { span, _ in Self.color(of: span) }
          top = bar(leaves(of: spans), top) { _, index in Self.layerColors[index % 2] }
        } else {
          top = bar(spans, top) { _, _ in Self.messageColor }
        }
      }
      top += 10
    }
    let size = "width=\"\(Int(Self.margin + Self.width + 20))\" height=\"\(Int(top + 10))\""
    return Array(
      ("<svg xmlns=\"http://www.w3.org/2000/svg\" \(size) font-family=\"sans-serif\">\n"
        + "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\(body)</svg>\n").utf8)
  }

  /// Layers that hold no others.
  private func leaves(of spans: [Timeline.Span]) -> [Timeline.Span] {
    let layers = spans.filter { StepPart(rawValue: $0.name) == nil && $0.name != "step" }
    return zip(layers, layers.dropFirst().map(Optional.some) + [nil]).filter { span, next in
      next.map { $0.start >= span.end } ?? true
    }.map(\.0)
  }

  private static func color(of span: Timeline.Span) -> String {
    colors.first { $0.key.rawValue == span.name }?.value ?? "black"
  }

  private mutating func legend() {
    var x = Self.margin + 160
    for (name, color) in Self.colors.map({ ($0.key.rawValue, $0.value) })
      + [("layers", Self.layerColors[0]), ("messages", Self.messageColor)]
    {
      body += "<rect x=\"\(x)\" y=\"8\" width=\"12\" height=\"12\" fill=\"\(color)\"/>\n"
      text(name, x: x + 16, y: 18, size: 11)
      x += 84
    }
  }

  /// A row of bars; where the next one begins.
  private mutating func bar(
    _ spans: [Timeline.Span], _ top: Double, color: (Timeline.Span, Int) -> String
  ) -> Double {
    for (index, span) in spans.enumerated() {
      let (x, width) = (Self.margin + Double(span.start - origin) * scale, Double(span.end - span.start) * scale)
      let size = "y=\"\(top)\" width=\"\(short(max(width, 0.2)))\" height=\"\(Self.barHeight - 2)\""
      let title = "\(Self.escaped(span.name)), \(milliseconds(span.end - span.start)) ms"
      body += "<rect x=\"\(short(x))\" \(size) fill=\"\(color(span, index))\"><title>\(title)</title></rect>\n"
      if width > 7 * Double(span.name.count) { text(span.name, x: x + 3, y: top + 11, size: 10) }
    }
    return top + Self.barHeight
  }

  private mutating func text(_ text: String, x: Double, y: Double, size: Int) {
    body += "<text x=\"\(short(x))\" y=\"\(short(y))\" font-size=\"\(size)\">\(Self.escaped(text))</text>\n"
  }

  private func short(_ value: Double) -> String { String(format: "%.2f", value) }
  private func milliseconds(_ nanoseconds: Int) -> String { String(format: "%.3f", Double(nanoseconds) / 1e6) }
  private static func escaped(_ text: String) -> String {
    text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
  }
}

extension Trace {
  fileprivate func spans(of step: Int) -> [Timeline.Span] { ranks.flatMap { $0.spans.filter { $0.step == step } } }

  /// When the first rank began it. The fetch that found the epoch before at its end is none of the step's.
  fileprivate func start(of step: Int) -> Int {
    ranks.compactMap { rank in
      let spans = rank.spans.filter { $0.step == step }
      return (spans.last { $0.name == StepPart.fetch.rawValue } ?? spans.first { $0.name == "step" })?.start
    }.min() ?? 0
  }
}
