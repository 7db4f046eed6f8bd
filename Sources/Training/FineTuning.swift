import Checkpoints
import Networks
import Optimizers

/// How a training begins with weights that another has learnt, and what of them it leaves as they are.
public struct FineTuning: Settings {
  /// nil for weights that are drawn. Read once, when the training begins: going on from a checkpoint needs it no more.
  @Setting("Begins with the weights of this file: a checkpoint, safetensors, their index, or HDF5 of any arrangement.")
  public var from: String? = nil
  /// Frozen layers behave as in evaluation, too: batch normalisation keeps its mean and variance.
  @Setting(
    """
    Parameters that are not trained, such as 'features.*', several with commas; head is the last layer, none lets all be \
    trained again.
    """)
  public var freeze: NamePatterns = []
  /// What is drawn anew is the last layer with parameters, or the last block of them.
  @Setting("Draws the last layer anew instead of taking it from --from.") public var replaceHead = false

  public init() {}
}

extension NamePattern {
  /// What it means of a network: `head` is its last layer (`lastLayer(of:)`), where no parameter has that name. Everywhere the
  /// same: what `head=0.01` gives a learning rate is what `--freeze head` freezes and `--replace-head` draws anew.
  public func meant(of network: Module) -> NamePattern {
    guard text == "head", let last = lastLayer(of: network) else { return self }
    if network.namedParameters.contains(where: { matches($0.name) }) { return self }
    return NamePattern(last.name.isEmpty ? "*" : last.name)
  }
}

/// Patterns of names, each of which may mean several.
public struct NamePatterns: SettingValue, ExpressibleByArrayLiteral {
  /// In the order in which they were given.
  public let patterns: [NamePattern]

  /// None, or any.
  public init(_ patterns: [NamePattern]) { self.patterns = patterns }
  public init(arrayLiteral texts: String...) { self.init(texts.map(NamePattern.init)) }

  public init?(text: String) {
    let texts = text == "none" ? [] : text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    if texts.contains("") { return nil }
    self.init(texts.map(NamePattern.init))
  }
  public var text: String { patterns.isEmpty ? "none" : patterns.map(\.text).joined(separator: ",") }
  public var isNone: Bool { patterns.isEmpty }
  public static var wanted: String { "names of parameters, or patterns such as 'features.*', with commas between" }

  public init(from decoder: any Decoder) throws { self.init(try [String](from: decoder).map(NamePattern.init)) }
  public func encode(to encoder: any Encoder) throws { try patterns.map(\.text).encode(to: encoder) }
}

extension String: SettingValue {
  public static var wanted: String { "a text" }
}

/// What became of a file's weights when a training began with them.
public struct WeightsTaken: Sendable {
  /// What was taken, left in the file and drawn anew, a line each.
  public let lines: [String]
  /// What was drawn anew though nobody asked for it, in a line; nil where nothing was.
  public let warning: String?
}

extension Configuration {
  /// Takes the weights that fit a network whose weights were drawn: all but the head, where that is to be replaced.
  ///
  /// - Throws: `CheckpointError` where nothing fits, or a number is not finite.
  public func begin(_ network: Module, with weights: StoredWeights) throws -> WeightsTaken {
    let head = self.replaceHead ? NamePattern("head").meant(of: network) : nil
    let isOfHead = { (name: String) in head?.matches(name) ?? false }
    let fit = WeightFit(weights, network, leavingOut: isOfHead)
    try fit.apply()
    var lines = ["from \(weights.path): taken \(fit.taken.listed())"]
    if !fit.left.isEmpty { lines.append("left in the file: \(WeightFit.list(fit.left))") }
    let drawn = fit.missing + fit.misshapen.map { ($0.name, $0.wanted) }
    if !drawn.isEmpty { lines.append("drawn anew: \(WeightFit.list(drawn))") }
    let odd = drawn.filter { !isOfHead($0.name) }
    return WeightsTaken(
      lines: lines,
      warning: odd.isEmpty ? nil : "\(weights.path) does not have, in that shape, \(WeightFit.list(odd)): drawn anew")
  }

  /// Freezes what the configuration says.
  ///
  /// - Returns: a line about it; nil where nothing is frozen.
  /// - Throws: `ConfigurationError` for a pattern that means nothing, with the names there are, or where nothing is left to train.
  public func freezeParameters(of network: Module) throws -> String? {
    let patterns = self.freeze.patterns
    if patterns.isEmpty { return nil }
    let names = network.namedParameters.map(\.name)
    let meant = patterns.map { $0.meant(of: network) }
    if let idle = zip(patterns, meant).first(where: { !names.contains(where: $0.1.matches) })?.0 {
      throw ConfigurationError(
        "freeze '\(idle.text)' means no parameter of \(model), which has \(names.listed(atMost: 40))")
    }
    let frozen = network.freeze { name in meant.contains { $0.matches(name) } }
    if frozen.count == names.count {
      throw ConfigurationError("freeze '\(self.freeze.text)' leaves nothing to train of \(model)")
    }
    let counts = network.namedParameters.reduce(into: (trained: 0, frozen: 0)) { counts, entry in
      if entry.tensor.requiresGradient {
        counts.trained += entry.tensor.elementCount
      } else {
        counts.frozen += entry.tensor.elementCount
      }
    }
    return "frozen: \(frozen.listed()); \(counts.trained) of \(counts.trained + counts.frozen) parameters are trained"
  }
}
