import HDF5Files

/// How much each sample counts in the loss, scaled to the mean 1 over all samples of a split: then gradients are divided by the
/// number of samples, weighted or not, which every rank knows exactly.
public enum SampleWeights {
  /// Nil where the file has none.
  static func read(_ file: HDF5File, _ object: String, count: Int) throws -> [Float]? {
    guard try file.isDataset(object) else { return nil }
    let header = try ArrayHeader(file, object)
    guard header.count == count, header.width == 1 else {
      throw InputError(
        file.path,
        "\(object): expected the shape [\(count)], a weight for each sample, found \([header.count] + header.rowShape)")
    }
    return try checked(file.read(object, as: Double.self), "\(file.path): \(object)")
  }

  /// Scaled to the mean 1.
  /// - Throws: `InputError` with the row of a weight that can't be.
  static func checked(_ numbers: [Double], _ place: String) throws -> [Float] {
    if let row = numbers.firstIndex(where: { !($0.isFinite && $0 >= 0) }) {
      throw InputError(place, "row \(row): expected a finite weight of 0 or more, found \(numbers[row])")
    }
    guard let weights = normalized(numbers) else { throw InputError(place, "all weights are 0") }
    return weights
  }

  /// The same divided by their mean; nil where that is 0 or beyond all numbers.
  public static func normalized(_ weights: [Double]) -> [Float]? {
    let mean = weights.reduce(0, +) / Double(max(weights.count, 1))
    guard mean > 0, mean.isFinite else { return weights.isEmpty ? [] : nil }
    return weights.map { Float($0 / mean) }
  }

  /// Such that all classes together count the same: `n / (k · count)` for each sample of a class, as scikit-learn's
  /// `class_weight="balanced"`; k are the classes that occur.
  public static func balanced(_ labels: [Int32]) -> [Double] {
    var counts: [Int32: Int] = [:]
    for label in labels { counts[label, default: 0] += 1 }
    return labels.map { Double(labels.count) / (Double(counts.count) * Double(counts[$0] ?? 1)) }
  }
}
