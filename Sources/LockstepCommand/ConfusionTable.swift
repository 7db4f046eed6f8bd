import Foundation

/// How many samples of each class are taken for which: a row for each class, with the share of its samples that were found, and
/// a column for what they are taken for.
struct ConfusionTable {
  private let names: [String]
  private let counts: [[Int]]

  init(_ labels: [Int32], _ answers: [Int], _ names: [String]) {
    self.names = names.map { String($0.prefix(16)) }
    var counts = [[Int]](repeating: [Int](repeating: 0, count: names.count), count: names.count)
    // A model may know more classes than the data have.
    for (label, answer) in zip(labels, answers) where answer < names.count { counts[Int(label)][answer] += 1 }
    self.counts = counts
  }

  var text: String {
    let corner = "class"
    let first = names.map(\.count).reduce(corner.count, max)
    let widths = names.map { max($0.count, 5) }
    func row(_ name: String, _ cells: [String], _ recall: String) -> String {
      let padded = zip(cells, widths).map { "  " + Self.right($0, $1) }.joined()
      return name + String(repeating: " ", count: first - name.count) + padded + "  " + Self.right(recall, 6)
    }
    let rows = names.indices.map { label in
      let all = counts[label].reduce(0, +)
      let recall = all == 0 ? "-" : String(format: "%.4f", Double(counts[label][label]) / Double(all))
      return row(names[label], counts[label].map(String.init), recall)
    }
    return ([row(corner, names, "recall")] + rows).joined(separator: "\n")
  }

  private static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }
}
