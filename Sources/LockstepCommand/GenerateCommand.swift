import ArgumentParser
import Lockstep
import Zoo

struct GenerateCommand<Tool: LockstepTool>: SoloCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "generate", abstract: "Lets a language model continue a text.",
      discussion: """
        Without options each token is the most probable one; with any of --temperature, --top-k, --top-p and --seed it is \
        drawn. The same seed draws the same text.
        """)
  }

  @Argument(help: "A checkpoint file, or a folder of them.", completion: .hdf5) var checkpoint: String
  @Option(help: "The text to continue.") var prefix: String
  @Option(parsing: .unconditional, help: "How many tokens to add.") var length = 50
  @Option(parsing: .unconditional, help: "Draws tokens: below 1 more probable ones, above 1 more surprising ones.")
  var temperature: Double?
  @Option(parsing: .unconditional, help: "Draws among so many of the most probable tokens.") var topK: Int?
  @Option(parsing: .unconditional, help: "Draws among the most probable tokens that have this probability together.")
  var topP: Double?
  @Option(parsing: .unconditional, help: "Draws another text.") var seed: UInt64?

  @OptionGroup var weights: WeightOptions

  private static var longest: Int { 1_000_000 }

  func validate() throws {
    guard (0...Self.longest).contains(length) else {
      throw ValidationError("--length is \(length), but must be in 0…\(Self.longest)")
    }
    if let temperature, !(temperature > 0 && temperature.isFinite) {
      throw ValidationError(
        "--temperature is \(temperature), but must be above 0, and finite; without it the most probable token comes")
    }
    if let topK, topK < 1 { throw ValidationError("--top-k is \(topK), but must be at least 1") }
    if let topP, !(topP > 0 && topP <= 1) {
      throw ValidationError("--top-p is \(topP), but must be above 0 and at most 1")
    }
  }

  func run() throws {
    let model = try OpenedModel(checkpoint, Tool.registry(), weights)
    guard let network = model.network as? any SequenceModel, let tokenizer = try model.tokenizer() else {
      throw CheckpointError(model.path, "is of \(model.entry.name), which is no language model")
    }
    if let (place, token) = tokenizer.firstUnknown(in: prefix) {
      throw InputError(
        "--prefix", "place \(place): \"\(token)\" is no token of \(model.path)'s \(tokenizer.vocabulary.count)")
    }
    let tokens = tokenizer.encode(prefix)
    if tokens.isEmpty { throw ConfigurationError("prefix is '\(prefix)', but must hold a token to go on from") }
    let line = WorkLine("generating")
    defer { line.clear() }
    let result = try model.configuration.kernels.run {
      try network.evaluateOnce {
        try network.generate(tokens, length: length, sampling: sampling) { line.draw($0) }
      }
    }
    line.clear()
    print(tokenizer.decode(result))
  }

  /// nil where tokens are not drawn.
  private var sampling: TokenSampling? {
    if temperature == nil && topK == nil && topP == nil && seed == nil { return nil }
    var result = TokenSampling()
    (result.temperature, result.topK, result.topP) = (temperature ?? 1, topK, topP)
    result.seed = seed ?? 0
    return result
  }
}

extension OpenedModel {
  /// What made numbers of the texts that it was trained on; nil where there were none.
  fileprivate func tokenizer() throws -> Tokenizer? {
    guard let words = metadata.vocabulary else { return nil }
    let kind = metadata.token.flatMap(TokenKind.init) ?? .char
    return try Tokenizer(kind, Vocabulary(words), merges: metadata.merges, path: path)
  }
}

extension Module {
  /// Runs `body` in evaluation mode.
  func evaluateOnce<Result>(_ body: () throws -> Result) rethrows -> Result {
    evaluate()
    defer { train() }
    return try body()
  }
}
