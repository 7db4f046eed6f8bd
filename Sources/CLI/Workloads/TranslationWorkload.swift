import Lockstep
import Zoo

/// Sentences and their translations.
struct TranslationWorkload: Workload {
  private let file: PairsFile
  let objective: any Objective

  init(_ path: String) throws {
    file = try PairsFile.open(path)
    objective = Translation(begin: file.targetVocabulary[Vocabulary.begin], steps: file.steps)
  }

  var sizes: ModelSizes {
    var sizes = ModelSizes()
    (sizes.vocabulary, sizes.targetVocabulary) = (file.sourceVocabulary.count, file.targetVocabulary.count)
    return sizes
  }
  var texts: [String: [String]] {
    [
      "source_vocabulary": file.sourceVocabulary.tokens, "target_vocabulary": file.targetVocabulary.tokens,
      "steps": ["\(file.steps)"],
    ]
  }
  var splitNames: [String] { ["train"] }

  func split(_ name: String) throws -> any DigestedDataset {
    guard name == "train" else { throw InputError(file.path, "has no split \"\(name)\"; it has: train") }
    return file.dataset()
  }
}

/// Random sentences in memory, for benchmarks.
struct SyntheticPairs {
  let workload: (dataset: any Dataset, objective: any Objective)

  init(_ model: ZooModel) throws {
    let key = RandomKey(seed: 0, .synthesis)
    let (count, steps, first) = (600, model.inputShape[0], 1 + Vocabulary.ofSentences.count)
    func tokens(_ vocabulary: Int, _ draw: Int) -> [Int32] {
      (0..<count * steps).map { Int32(first + key.bounded(vocabulary - first, draw: draw + $0)) }
    }
    func lengths(_ draw: Int) -> [Int32] { (0..<count).map { Int32(3 + key.bounded(steps - 2, draw: draw + $0)) } }
    let room = count * steps
    let pairs = try PairsDataset(
      source: tokens(model.sizes.vocabulary, 0), sourceLengths: lengths(2 * room),
      target: tokens(model.sizes.targetVocabulary, room), targetLengths: lengths(3 * room), steps: steps)
    workload = (pairs, Translation(begin: Vocabulary.ofSentences.count - 1, steps: steps))
  }
}
