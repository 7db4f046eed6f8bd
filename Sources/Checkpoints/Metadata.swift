/// What a model needs of its data to be used without them: names of classes or columns, vocabularies. Which of them there
/// are is the task's affair.
///
/// Kept as strings under `/texts/<name>` of a checkpoint, names as in datasets.
public struct Metadata: Codable, Sendable, Equatable {
  /// Of images.
  public var classNames: [String]?
  /// Of a table.
  public var featureNames: [String]?
  /// Of a table: the column that is predicted.
  public var targetName: String?
  /// How a raw table was prepared, as JSON.
  public var preparation: String?
  /// Of a text, and what its tokens are.
  public var vocabulary: [String]?
  /// Of a text: `char`, `word`, `byte` or `bpe`.
  public var token: String?
  /// Of a text of byte pairs: what is merged, in this order.
  public var merges: [String]?
  /// Of sentences and their translations.
  public var sourceVocabulary, targetVocabulary: [String]?
  /// Tokens of a sentence, padding included.
  public var steps: Int?
  /// The digest of what was trained on.
  public var trainingData: String?
  /// What each epoch of the training came to, lines of JSON as metrics have them.
  public var history: [String]?

  /// Nothing is known of the data.
  public init() {}

  enum CodingKeys: String, CodingKey, CaseIterable {
    case classNames = "class_names"
    case featureNames = "feature_names"
    case targetName = "target_name"
    case preparation, vocabulary, token, merges
    case sourceVocabulary = "source_vocabulary"
    case targetVocabulary = "target_vocabulary"
    case steps
    case trainingData = "training_data"
    case history
  }
}

/// Lists and single words of files.
extension Metadata {
  /// The lists, by the names that they have in datasets and checkpoints.
  public static let lists: KeyValuePairs<String, WritableKeyPath<Metadata, [String]?> & Sendable> = [
    "class_names": \.classNames, "feature_names": \.featureNames, "vocabulary": \.vocabulary,
    "merges": \.merges,
    "source_vocabulary": \.sourceVocabulary, "target_vocabulary": \.targetVocabulary,
  ]
  static let words: KeyValuePairs<String, WritableKeyPath<Metadata, String?> & Sendable> = [
    "target_name": \.targetName, "preparation": \.preparation, "token": \.token, "training_data": \.trainingData,
    "steps": \.stepsText,
  ]

  private var stepsText: String? {
    get { steps.map(String.init) }
    set { steps = newValue.flatMap { Int($0) } }
  }

  /// By the names of a file's objects; names that this Lockstep does not know are left out.
  init(texts: [String: [String]]) {
    self.init()
    for (name, path) in Self.lists { self[keyPath: path] = texts[name] }
    for (name, path) in Self.words { self[keyPath: path] = texts[name]?.first }
    history = texts[CodingKeys.history.rawValue]
  }

  var texts: [String: [String]] {
    var result: [String: [String]] = [:]
    for (name, path) in Self.lists { result[name] = self[keyPath: path] }
    for (name, path) in Self.words { result[name] = self[keyPath: path].map { [$0] } }
    result[CodingKeys.history.rawValue] = history
    return result
  }
}
