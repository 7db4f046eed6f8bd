/// What a data set decides about a model, and what one chooses of models that come in many sizes. Kept in checkpoints, so that the
/// same network can be built again.
public struct ModelSizes: Codable, Sendable, Equatable {
  /// What a classifier tells apart; nil where the model's own number is right.
  public var classes = 10
  /// Of an image.
  public var channels = 1
  /// Columns of a table.
  public var features = 1
  /// Numbers that are predicted for each sample.
  public var outputs = 1
  /// Tokens of a text, or of the source language.
  public var vocabulary = 28
  /// Words of the language that is translated into.
  public var targetVocabulary = 28
  /// Multiplies the channels of a network that comes in several widths; of a Transformer the width itself; nil of models that have no
  /// such.
  public var width: Int? = nil
  /// The shape of a sample, of models that take any; nil for the one that the model was made for.
  public var inputs: [Int]? = nil
  /// Units of each hidden layer, of models that let one choose; nil for as many as the model has by itself.
  public var hidden: [Int]? = nil
  /// Blocks of a Transformer, the heads of its attention, and how many tokens it looks back on; nil of models that have no such.
  public var layers: Int? = nil, heads: Int? = nil, context: Int? = nil
  /// Side of the square images that a vision Transformer takes, and of the squares that it cuts them into; nil of models that have no
  /// such.
  public var side: Int? = nil, patch: Int? = nil
  /// The probability that a value becomes 0 in training, of models that let one choose.
  public var dropout: Double? = nil

  /// As the book has it.
  public init() {}

  /// What an older checkpoint does not say is the default.
  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    func value(_ key: CodingKeys, or standard: Int) throws -> Int {
      try fields.decodeIfPresent(Int.self, forKey: key) ?? standard
    }
    (classes, channels) = (try value(.classes, or: classes), try value(.channels, or: channels))
    features = try value(.features, or: features)
    vocabulary = try value(.vocabulary, or: vocabulary)
    targetVocabulary = try value(.targetVocabulary, or: targetVocabulary)
    outputs = try value(.outputs, or: outputs)
    width = try fields.decodeIfPresent(Int.self, forKey: .width)
    inputs = try fields.decodeIfPresent([Int].self, forKey: .inputs)
    hidden = try fields.decodeIfPresent([Int].self, forKey: .hidden)
    layers = try fields.decodeIfPresent(Int.self, forKey: .layers)
    heads = try fields.decodeIfPresent(Int.self, forKey: .heads)
    context = try fields.decodeIfPresent(Int.self, forKey: .context)
    side = try fields.decodeIfPresent(Int.self, forKey: .side)
    patch = try fields.decodeIfPresent(Int.self, forKey: .patch)
    dropout = try fields.decodeIfPresent(Double.self, forKey: .dropout)
  }

  /// The same for data that decide otherwise: what was chosen stays.
  public func fitted(to data: ModelSizes) -> ModelSizes {
    var result = data
    (result.width, result.hidden, result.layers, result.heads) = (width, hidden, layers, heads)
    (result.context, result.side, result.patch, result.dropout) = (context, side, patch, dropout)
    return result
  }

  /// Numbers of a sample as a dense layer takes them, of models that take any shape.
  public func inputCount(or usual: Int) -> Int {
    guard let inputs else { return usual }
    // Of a file that lies: rather none than a trap.
    return inputs.reduce(1) { $0.multipliedReportingOverflow(by: $1).overflow ? 0 : $0 * $1 }
  }

  /// For a dataset of so many classes.
  public static func classes(_ count: Int) -> ModelSizes {
    var sizes = ModelSizes()
    sizes.classes = count
    return sizes
  }

  /// For a table of so many features.
  public static func features(_ count: Int) -> ModelSizes {
    var sizes = ModelSizes()
    sizes.features = count
    return sizes
  }
}
