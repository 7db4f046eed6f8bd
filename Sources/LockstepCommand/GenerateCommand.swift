import ArgumentParser
import Lockstep
import Zoo

struct GenerateCommand<Tool: LockstepTool>: SoloCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "generate", abstract: "Lets a language model continue a text.")
  }

  @Argument(help: "A checkpoint file, or a folder of them.", completion: .hdf5) var checkpoint: String
  @Option(help: "The text to continue.") var prefix: String
  @Option(parsing: .unconditional, help: "How many tokens to add.") var length = 50

  private static var longest: Int { 1_000_000 }

  func validate() throws {
    guard (0...Self.longest).contains(length) else {
      throw ValidationError("--length is \(length), but must be in 0…\(Self.longest)")
    }
  }

  func run() throws {
    let model = try OpenedModel(checkpoint, Tool.registry())
    guard let network = model.network as? any SequenceModel, let words = model.metadata.vocabulary else {
      throw CheckpointError(model.path, "is of \(model.entry.name), which is no language model")
    }
    let vocabulary = Vocabulary(words)
    let isWords = model.metadata.token == TokenKind.word.rawValue
    let tokens = isWords ? prefix.split(separator: " ").map(String.init) : prefix.unicodeScalars.map { String($0) }
    if tokens.isEmpty { throw ConfigurationError("prefix is '\(prefix)', but must hold a token to go on from") }
    if let place = tokens.firstIndex(where: { !vocabulary.contains($0) }) {
      throw InputError(
        "--prefix",
        "place \(place): \"\(tokens[place])\" is no token of \(model.path)'s \(vocabulary.count)")
    }
    let result = try model.configuration.kernels.run {
      try network.evaluateOnce { try network.generate(tokens.map { vocabulary[$0] }, length: length) }
    }
    print(result.map { vocabulary.tokens[$0] }.joined(separator: isWords ? " " : ""))
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
