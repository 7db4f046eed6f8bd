import Datasets
import Foundation

/// How near a translation is to the one wanted, 0 to 1: `exp(min(0, 1 - words wanted / words predicted)) · Π pₙ^(1/2ⁿ)` for
/// n = 1 to `k`, with pₙ the share of the predicted runs of n words that the wanted sentence has, each used once. Runs longer
/// than the prediction don't count. Source: Papineni et al. 2002, in the book's form.
///
/// - Parameters:
///   - predicted: words with blanks between.
///   - label: the words wanted.
///   - k: the longest runs that count.
public func bleu(_ predicted: String, _ label: String, k: Int) -> Double {
  let found = predicted.split(separator: " ").map(String.init)
  let wanted = label.split(separator: " ").map(String.init)
  if found.isEmpty { return wanted.isEmpty ? 1 : 0 }
  var score = exp(min(0, 1 - Double(wanted.count) / Double(found.count)))
  for length in stride(from: 1, through: min(k, found.count), by: 1) {
    var left: [String: Int] = [:]
    for run in nGrams(wanted, length: length) { left[run, default: 0] += 1 }
    let runs = nGrams(found, length: length)
    var hits = 0
    for run in runs {
      guard let count = left[run], count > 0 else { continue }
      left[run] = count - 1
      hits += 1
    }
    score *= pow(Double(hits) / Double(runs.count), pow(0.5, Double(length)))
  }
  return score
}
