extension Gnuplot {
  /// A matrix as colours, its first row on top: attention weights, a row for each query and a column for each key.
  ///
  /// - Parameters:
  ///   - values: rows of one length.
  ///   - xLabel: stands below the columns.
  ///   - yLabel: stands beside the rows.
  ///   - columns: names of the columns; none for numbers.
  ///   - rows: names of the rows; none for numbers.
  ///   - title: stands above; none where it is empty.
  ///   - isPart: whether it stands beside others: colours reach from 0 to 1 without their key, and columns' names are upright.
  /// - Returns: lines of a script for `draw`.
  public static func heatMap(
    _ values: [[Double]], xLabel: String, yLabel: String, columns: [String] = [], rows: [String] = [],
    title: String = "", isPart: Bool = false
  ) -> [String] {
    func tics(_ axis: String, _ names: [String], _ direction: String) -> [String] {
      if names.isEmpty { return [] }
      let list = names.enumerated().map { "'\(quoted($1, most: 24))' \($0)" }.joined(separator: ", ")
      return ["set \(axis)tics (\(list)) scale 0 noenhanced \(direction)"]
    }
    let width = values.first?.count ?? 0
    // As an image the cells of an SVG would run into each other in a browser.
    let kind = width * values.count <= 10_000 ? "image pixels" : "image"
    let cells = values.enumerated().flatMap { y, row in row.enumerated().map { x, value in "\(x) \(y) \(value)" } }
    return [
      "set title '\(quoted(title, most: 80))' noenhanced", "set xlabel '\(quoted(xLabel, most: 80))'",
      "set ylabel '\(quoted(yLabel, most: 80))'", "set xrange [-0.5:\(width).0-0.5]",
      "set yrange [\(values.count).0-0.5:-0.5]", "set palette defined (0 '#fff5f0', 0.5 '#fb6a4a', 1 '#67000d')",
      isPart ? "set cbrange [0:1]; unset colorbox" : "set cbrange [0:*]", "unset key",
    ] + tics("x", columns, isPart ? "rotate" : "norotate") + tics("y", rows, "norotate") + ["$cells << END"] + cells + [
      "END", "plot $cells using 1:2:3 with \(kind)",
    ]
  }

  /// Several pictures in one, row by row.
  public static func grid(_ pictures: [[String]], columns: Int) -> [String] {
    let rows = (pictures.count + columns - 1) / max(columns, 1)
    return ["set multiplot layout \(max(rows, 1)),\(max(columns, 1))"] + pictures.flatMap(\.self) + ["unset multiplot"]
  }
}
