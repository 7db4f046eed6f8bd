import HDF5Files

/// How much each sample counts in the loss, scaled to the mean 1 over all samples of a split: then gradients are divided by the
/// number of samples, weighted or not, which every rank knows exactly.
public struct SampleWeights: Sendable {
  private let rows: ArrayRows
  private let mean: Double
  private let place: String

  /// Nil where the file has none at `object`. Reads all of them once.
  init?(_ file: HDF5File, _ object: String, count: Int) throws {
    guard try file.isDataset(object) else { return nil }
    let header = try ArrayHeader(file, object)
    place = "\(file.path): \(object)"
    guard header.count == count, header.width == 1 else {
      throw InputError(
        place, "expected the shape [\(count)], a weight for each sample, found \([header.count] + header.rowShape)")
    }
    rows = try ArrayRows(file, object)
    var sum = 0.0
    try rows.forEachBlock { (block, numbers: UnsafeMutableBufferPointer<Double>) in
      sum += try Self.sum(of: Array(numbers), from: block.lowerBound, "\(file.path): \(object)")
    }
    mean = try Self.mean(sum, count, "\(file.path): \(object)")
  }

  func read(_ samples: Range<Int>, into weights: UnsafeMutableBufferPointer<Float>) throws {
    try rows.forEachBlock(of: samples) { (block, numbers: UnsafeMutableBufferPointer<Double>) in
      _ = try Self.sum(of: Array(numbers), from: block.lowerBound, place)
      for (row, number) in zip(block, numbers) { weights[row - samples.lowerBound] = Float(number / mean) }
    }
  }

  /// The sum of some weights, the first of which is the row `first`.
  /// - Throws: `InputError` for weights that can't be.
  static func sum(of numbers: [Double], from first: Int, _ place: String) throws -> Double {
    if let row = numbers.firstIndex(where: { !($0.isFinite && $0 >= 0) }) {
      throw InputError(place, "row \(first + row): expected a finite weight of 0 or more, found \(numbers[row])")
    }
    return numbers.reduce(0, +)
  }

  /// - Throws: `InputError` where no sample would count.
  static func mean(_ sum: Double, _ count: Int, _ place: String) throws -> Double {
    if count == 0 { return 1 }
    guard sum > 0, sum.isFinite else { throw InputError(place, "all weights are 0, or their sum is too large") }
    return sum / Double(count)
  }

  /// Such that all classes together count the same: `n / (k · count)` for each sample of a class, as scikit-learn's
  /// `class_weight="balanced"`; k are the classes that occur. Their mean is 1.
  public static func balanced(_ labels: [Int32]) -> [Float] {
    var counts: [Int32: Int] = [:]
    for label in labels { counts[label, default: 0] += 1 }
    return labels.map { Float(Double(labels.count) / (Double(counts.count) * Double(counts[$0] ?? 1))) }
  }
}
