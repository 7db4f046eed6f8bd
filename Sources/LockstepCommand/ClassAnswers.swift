import Foundation
import Lockstep

/// What a model says of samples whose classes are known.
struct ClassAnswers {
  let labels: [Int32]
  let names: [String]
  /// The class of each sample's largest logit.
  let predicted: [Int]
  private let logits: [Float]
  private let width: Int

  init(_ logits: [Float], _ width: Int, _ labels: [Int32], _ names: [String]) {
    (self.logits, self.width, self.labels, self.names) = (logits, width, labels, names)
    predicted = Classification.classes(of: logits, width)
  }

  var hits: Int { zip(predicted, labels).count { $0 == Int($1) } }

  /// The share of samples whose class is among those of the `k` largest logits, of equal ones the first.
  func accuracy(top k: Int) -> Double {
    let found = labels.enumerated().count { row, label in
      let (start, label) = (row * width, Int(label))
      guard label < width else { return false }
      let own = logits[start + label]
      return (0..<width).count { logits[start + $0] > own || logits[start + $0] == own && $0 < label } < k
    }
    return Double(found) / Double(max(labels.count, 1))
  }

  /// The cross-entropy of a sample.
  private func loss(_ sample: Int) -> Double {
    let values = logits[sample * width..<(sample + 1) * width].map(Double.init)
    let most = values.max() ?? 0
    return most + log(values.reduce(0) { $0 + exp($1 - most) }) - values[Int(labels[sample])]
  }

  /// How sure the model is of what it says of a sample, 0…1.
  func certainty(_ sample: Int) -> Double {
    let values = logits[sample * width..<(sample + 1) * width].map(Double.init)
    let most = values.max() ?? 0
    return 1 / values.reduce(0) { $0 + exp($1 - most) }
  }

  /// The mistakes, those of the largest loss first.
  var mistakes: [Int] {
    labels.indices.filter { predicted[$0] != Int(labels[$0]) }.map { ($0, loss($0)) }
      .sorted { (-$0.1, $0.0) < (-$1.1, $1.0) }.map(\.0)
  }

  func name(_ label: Int) -> String { names.indices.contains(label) ? names[label] : "\(label)" }

  /// How many samples of each class (row) are taken for each class (column). A model may know more classes than the data have.
  var counts: [[Int]] {
    var counts = [[Int]](repeating: [Int](repeating: 0, count: names.count), count: names.count)
    for (label, found) in zip(labels, predicted) where found < names.count && Int(label) < names.count {
      counts[Int(label)][found] += 1
    }
    return counts
  }
}

/// How well the samples of a class are found.
struct ClassScore: Encodable {
  let name: String
  /// Of the samples that are taken for this class, the share that is; and of those that are, the share that was found.
  let precision, recall: Double
  /// The harmonic mean of both.
  let f1: Double
  /// Samples of the class.
  let support: Int

  /// A mean over no samples is 0.
  init(_ name: String, hits: Int, taken: Int, support: Int) {
    (self.name, self.support) = (name, support)
    precision = Double(hits) / Double(max(taken, 1))
    recall = Double(hits) / Double(max(support, 1))
    f1 = 2 * Double(hits) / Double(max(taken + support, 1))
  }

  /// The mean of several, by weights.
  init(_ name: String, _ scores: [ClassScore], weight: (ClassScore) -> Double) {
    let whole = scores.reduce(0) { $0 + weight($1) }
    func mean(_ value: KeyPath<ClassScore, Double>) -> Double {
      whole > 0 ? scores.reduce(0) { $0 + weight($1) * $1[keyPath: value] } / whole : 0
    }
    (self.name, support) = (name, scores.reduce(0) { $0 + $1.support })
    (precision, recall, f1) = (mean(\.precision), mean(\.recall), mean(\.f1))
  }
}

/// Precision, recall and F1 of each class, their mean over the classes, and over the samples.
struct ClassReport: Encodable {
  let classes: [ClassScore]
  let macro, weighted: ClassScore

  init(_ answers: ClassAnswers) {
    var (taken, hits, support) = (
      [Int](repeating: 0, count: answers.names.count), [Int](repeating: 0, count: answers.names.count),
      [Int](repeating: 0, count: answers.names.count)
    )
    for (label, found) in zip(answers.labels, answers.predicted) where Int(label) < support.count {
      support[Int(label)] += 1
      if found < taken.count { taken[found] += 1 }
      if found == Int(label) { hits[found] += 1 }
    }
    classes = answers.names.indices.map {
      ClassScore(answers.names[$0], hits: hits[$0], taken: taken[$0], support: support[$0])
    }
    macro = ClassScore("mean of classes", classes) { _ in 1 }
    weighted = ClassScore("mean of samples", classes) { Double($0.support) }
  }

  var text: String {
    let scores = classes + [macro, weighted]
    let width = scores.map { $0.name.cut(24).columns }.reduce("class".count, max)
    func row(_ name: String, _ cells: [String]) -> String {
      name.cut(24).left(width) + cells.map { $0.right(11) }.joined()
    }
    let rows = scores.map { score in
      row(
        score.name, [score.precision, score.recall, score.f1].map { String(format: "%.4f", $0) } + ["\(score.support)"])
    }
    return ([row("class", ["precision", "recall", "f1", "support"])] + rows).joined(separator: "\n")
  }
}

/// How many samples of each class are taken for which: a row for each class, with the share of its samples that were found, and
/// a column for what they are taken for.
struct ConfusionTable {
  private let names: [String]
  private let counts: [[Int]]

  init(_ answers: ClassAnswers) {
    (names, counts) = (answers.names.map { $0.cut(16) }, answers.counts)
  }

  var text: String {
    let corner = "class"
    let first = names.map(\.columns).reduce(corner.count, max)
    let widths = names.map { max($0.columns, 5) }
    func row(_ name: String, _ cells: [String], _ recall: String) -> String {
      name.left(first) + zip(cells, widths).map { "  " + $0.right($1) }.joined() + "  " + recall.right(6)
    }
    let rows = names.indices.map { label in
      let all = counts[label].reduce(0, +)
      let recall = all == 0 ? "-" : String(format: "%.4f", Double(counts[label][label]) / Double(all))
      return row(names[label], counts[label].map(String.init), recall)
    }
    return ([row(corner, names, "recall")] + rows).joined(separator: "\n")
  }
}
