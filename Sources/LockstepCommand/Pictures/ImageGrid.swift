import Lockstep

/// Images in rows and columns, each with a title above it: a script for gnuplot.
struct ImageGrid {
  private let channels: Int
  private let source: ImageSize
  /// The size images are shown in: small ones grow by a whole factor, so that their pixels stay sharp.
  private let shown: ImageSize
  private let factor: Int
  private var images: [[UInt8]] = []
  private var titles: [(text: String, isMarked: Bool)] = []

  private static let cell = 112
  private static let gap = 12
  private static let lineHeight = 17

  init(channels: Int, _ size: ImageSize) {
    (self.channels, source) = (channels, size)
    let side = max(size.height, size.width)
    if side > Self.cell {
      shown = ImageSize(max(1, size.height * Self.cell / side), max(1, size.width * Self.cell / side))
      factor = 1
    } else {
      (shown, factor) = (size, Self.cell / side)
    }
  }

  /// Adds an image `[channels, height, width]`; a mark makes its title red.
  mutating func add(_ pixels: [UInt8], _ title: String, isMarked: Bool) {
    images.append(ImageResizer(from: source, to: shown).resize(pixels, channels: channels))
    titles.append((title, isMarked))
  }

  private var columns: Int { min(images.count, 8) }
  private var rows: Int { (images.count + columns - 1) / max(columns, 1) }
  private var titleHeight: Int {
    6 + Self.lineHeight * (titles.map { $0.text.split(separator: "\n").count }.max() ?? 1)
  }
  private var pitch: (x: Int, y: Int) {
    (max(shown.width * factor, Self.cell) + Self.gap, shown.height * factor + titleHeight + Self.gap)
  }

  /// Width and height of the picture in pixels.
  var size: (width: Int, height: Int) { (columns * pitch.x + Self.gap, rows * pitch.y + Self.gap) }

  /// One plot whose coordinates are the picture's pixels, y downwards.
  var script: [String] {
    var lines = [
      "set lmargin at screen 0", "set rmargin at screen 1", "set tmargin at screen 1", "set bmargin at screen 0",
      "unset border", "unset tics", "unset key", "set xrange [0:\(size.width)]", "set yrange [\(size.height):0]",
    ]
    for (index, image) in images.enumerated() {
      let title = titles[index]
      let x = Self.gap + index % columns * pitch.x + (pitch.x - Self.gap) / 2
      let y = Self.gap + index / columns * pitch.y
      for (line, text) in title.text.split(separator: "\n").enumerated() {
        let color = title.isMarked && line > 0 ? "#c02020" : line > 0 ? "#207020" : "black"
        lines.append(
          "set label '\(Gnuplot.quoted(text, most: 17))' at \(x),\(y + Self.lineHeight * line + 8) center "
            + "font ',10' textcolor rgb '\(color)' noenhanced")
      }
      lines += block(index, image)
    }
    let plots = images.indices.map { index in
      let left = Double(Self.gap + index % columns * pitch.x) + Double(pitch.x - Self.gap - shown.width * factor) / 2
      let top = Self.gap + index / columns * pitch.y + titleHeight
      return "$image\(index) using (\(left)+(column(1)+0.5)*\(factor)):(\(top)+(column(2)+0.5)*\(factor)):3:4:5 "
        + "with rgbimage"
    }
    lines.append("plot " + plots.joined(separator: ", "))
    return lines
  }

  /// Column, row, red, green and blue of each pixel.
  private func block(_ index: Int, _ image: [UInt8]) -> [String] {
    let area = shown.height * shown.width
    var lines = ["$image\(index) << END"]
    for i in 0..<area {
      let red = image[i]
      let (green, blue) = channels >= 3 ? (image[area + i], image[2 * area + i]) : (red, red)
      lines.append("\(i % shown.width) \(i / shown.width) \(red) \(green) \(blue)")
    }
    return lines + ["END"]
  }
}

/// How many images of each class are taken for each class: a heat map for gnuplot.
struct ConfusionMatrix {
  private let counts: [[Int]]
  private let names: [String]

  /// - Parameter counts: a row for each true class, a column for each predicted one.
  init(_ counts: [[Int]], _ names: [String]) { (self.counts, self.names) = (counts, names) }

  static func size(_ classes: Int) -> (width: Int, height: Int) {
    let side = min(max(classes, 4) * 56, 2400)
    return (side + 190, side + 170)
  }

  func script(title: String) -> [String] {
    func tics(_ axis: String) -> String {
      let list = names.enumerated().map { "'\(Gnuplot.quoted($1, most: 17))' \($0)" }.joined(separator: ", ")
      return "set \(axis)tics (\(list)) scale 0 noenhanced"
    }
    // Shares of a class's images, so that classes of all sizes can be compared.
    let shares = counts.map { row in row.map { Double($0) / Double(max(row.reduce(0, +), 1)) } }
    var lines = [
      "set title '\(Gnuplot.quoted(title, most: 80))' noenhanced", tics("x") + " rotate by 45 right", tics("y"),
      "set xlabel 'predicted'", "set ylabel 'true'", "set xrange [-0.5:\(names.count).0-0.5]",
      "set yrange [\(names.count).0-0.5:-0.5]", "set cbrange [0:1]", "unset colorbox", "unset key",
      "set palette defined (0 '#ffffff', 1 '#1f4e9c')", "$cells << END",
    ]
    for (y, row) in counts.enumerated() {
      for (x, count) in row.enumerated() {
        let color = shares[y][x] > 0.5 ? 0xFFFFFF : count == 0 ? 0xC0C0C0 : 0x202020
        lines.append("\(x) \(y) \(shares[y][x]) \(count) \(color)")
      }
    }
    lines.append("END")
    let numbers = names.count <= 40 ? ", $cells using 1:2:4:5 with labels font ',9' textcolor rgb variable" : ""
    return lines + ["plot $cells using 1:2:3 with image" + numbers]
  }
}
