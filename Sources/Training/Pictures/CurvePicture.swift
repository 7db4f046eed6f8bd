/// Curves over epochs as a script for gnuplot: figures of one kind on the left axis, those of another on the right.
public struct CurvePicture {
  /// A figure from epoch to epoch.
  public struct Curve {
    /// As the legend has it.
    public let title: String
    /// Epochs from 1, and the figure of each.
    public let points: [(Double, Double)]
    /// Whether its scale is on the right.
    public let isRight: Bool
    /// Whether it is dashed.
    public let isDashed: Bool
    /// Curves of one number have one colour; nil for a colour of its own.
    public let color: Int?

    /// A curve on the left axis, unless said otherwise.
    public init(
      _ title: String, _ points: [(Double, Double)], isRight: Bool = false, isDashed: Bool = false, color: Int? = nil
    ) {
      (self.title, self.points, self.isRight, self.isDashed) = (title, points, isRight, isDashed)
      self.color = color
    }
  }

  private let title: String
  private let curves: [Curve]
  private let labels: (left: String, right: String)

  /// - Parameters:
  ///   - title: stands above.
  ///   - curves: at least one of them with a point.
  ///   - left: what the left axis says; nothing unless given.
  ///   - right: what the right axis says, where there is one.
  public init(_ title: String, _ curves: [Curve], left: String = "", right: String = "") {
    (self.title, self.curves, labels) = (title, curves.filter { !$0.points.isEmpty }, (left, right))
  }

  /// Lines for `Gnuplot.draw`; `name` keeps the data of several pictures of one script apart.
  public func script(_ name: String = "curve") -> [String] {
    var lines = [
      "set title '\(Gnuplot.quoted(title, most: 80))' noenhanced", "set xlabel 'epoch'", "set grid", "set yrange [0:*]",
      "set ylabel '\(Gnuplot.quoted(labels.left, most: 40))' noenhanced", "set key outside top center horizontal",
    ]
    if curves.contains(where: \.isRight) {
      lines += [
        "set ytics nomirror", "set y2tics", "set y2range [0:*]",
        "set y2label '\(Gnuplot.quoted(labels.right, most: 40))' noenhanced",
      ]
    }
    let epochs = curves.flatMap { $0.points.map(\.0) }
    let (first, last) = (epochs.min() ?? 0, epochs.max() ?? 0)
    if first == last {
      // One epoch is a point, in the middle of the picture.
      lines += ["set xrange [\(first - 1):\(first + 1)]", "set xtics (\(first))"]
    } else {
      lines += ["set xrange [\(first):\(last)]", last - first <= 10 ? "set xtics 1" : "set xtics autofreq"]
    }
    for (index, curve) in curves.enumerated() { lines += Gnuplot.block("\(name)\(index)", curve.points) }
    let style = first == last ? "points pointtype 7" : "linespoints linewidth 2"
    let plots = curves.enumerated().map { index, curve in
      "$\(name)\(index) axes \(curve.isRight ? "x1y2" : "x1y1") with \(style)"
        + (curve.isDashed ? " dashtype 2 " : " ") + (curve.color.map { "linecolor \($0 + 1) " } ?? "")
        + "title '\(Gnuplot.quoted(curve.title, most: 60))' noenhanced"
    }
    return lines + ["plot " + plots.joined(separator: ", ")]
  }
}
