import ArgumentParser
import Lockstep

extension TokenKind: ExpressibleByArgument {}

extension ConvertCommand {
  struct Text: SoloCommand {
    static let configuration = CommandConfiguration(
      commandName: "text", abstract: "A UTF-8 text of any alphabet as tokens.")

    @Argument(help: "The text file.", completion: .file()) var input: String?
    @Option(help: "The text file, as an option.", completion: .file()) var source: String?
    @Option(help: "The HDF5 file to write.", completion: .hdf5) var output: String
    @Option(help: "What a token is: char or word.") var token = TokenKind.char
    @Option(parsing: .unconditional, help: "Keeps the first so many tokens.") var maxTokens: Int?
    @Option(parsing: .unconditional, help: "Tokens that come less often become <unk>.") var minFrequency = 0
    @Flag(help: "Cleans as the notes do: all but a…z becomes a blank, capitals become small.") var letters = false
    @Flag(help: "Reads invalid UTF-8 with a replacement rather than refusing it.") var lossy = false
    @OptionGroup var storage: StorageOptions

    func validate() throws {
      if (input == nil) == (source == nil) { throw ValidationError("name the text file, once") }
      try ConvertCommand.check(maxTokens, minFrequency)
    }

    func run() throws {
      guard let source = input ?? source else { return }
      var converter = TextConverter(source: source, kind: token)
      converter.cleaner.isLossy = lossy
      converter.cleaner.keepsLettersOnly = letters
      (converter.maximumTokens, converter.minimumFrequency) = (maxTokens, minFrequency)
      try ConvertCommand.convert(converter, storage, output)
    }
  }

  struct TimeMachine: SoloCommand {
    static let configuration = CommandConfiguration(
      commandName: "time-machine", abstract: "The Time Machine by H. G. Wells, cleaned as the book's chapters do.",
      discussion: "Trainings take its first 10,000 tokens, as the book's, unless --max-tokens says otherwise.")

    @Option(help: "The HDF5 file to write.", completion: .hdf5) var output: String
    @Option(
      help: "The text; by default timemachine.txt in the folder that LOCKSTEP_DATASETS names.", completion: .file())
    var source: String?
    @Option(help: "What a token is: char or word.") var token = TokenKind.char
    @Option(parsing: .unconditional, help: "Keeps the first so many tokens.") var maxTokens: Int?
    @Option(parsing: .unconditional, help: "Tokens that come less often become <unk>.") var minFrequency = 0
    @Flag(help: "Reads invalid UTF-8 with a replacement rather than refusing it.") var lossy = false
    @OptionGroup var storage: StorageOptions

    func validate() throws { try ConvertCommand.check(maxTokens, minFrequency) }

    func run() throws {
      var converter = try TextConverter.timeMachine(source: source, kind: token)
      converter.cleaner.isLossy = lossy
      (converter.maximumTokens, converter.minimumFrequency) = (maxTokens, minFrequency)
      try ConvertCommand.convert(converter, storage, output)
    }
  }

  private static func check(_ maxTokens: Int?, _ minFrequency: Int) throws {
    if let maxTokens, maxTokens < 1 { throw ValidationError("--max-tokens is \(maxTokens), but must be at least 1") }
    if minFrequency < 0 { throw ValidationError("--min-frequency is \(minFrequency), but must be 0 or more") }
  }

  private static func convert(_ converter: TextConverter, _ storage: StorageOptions, _ output: String) throws {
    var converter = converter
    converter.storage = storage.storage
    let summary = try withLine("text") {
      converter.progress = $0
      return try converter.convert(to: output)
    }
    let share = summary.tokenCount < summary.allTokens ? " of \(summary.allTokens)" : ""
    print(
      "\(output): \(summary.tokenCount)\(share) \(converter.kind == .char ? "characters" : "words") of \(summary.lineCount) lines, "
        + "\(summary.vocabularyCount) different with <unk>, \(summary.byteCount) bytes")
  }
}
