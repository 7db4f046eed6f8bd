import ArgumentParser
import Lockstep

extension TokenKind: ExpressibleByArgument {}

extension ConvertCommand {
  struct Text: SoloCommand {
    static let configuration = CommandConfiguration(
      commandName: "text", abstract: "A text of any alphabet as tokens.",
      discussion: """
        Characters and words are of UTF-8, in which white space of any kind becomes one blank, unless --raw. Bytes and byte \
        pairs are of any text as it is.
        """)

    @Argument(help: "The text file.", completion: .file()) var input: String?
    @Option(help: "The text file, as an option.", completion: .file()) var source: String?
    @Flag(help: "Cleans as the notes do: all but a…z becomes a blank, capitals become small.") var letters = false
    @Flag(help: "Leaves the text as it is, line breaks and all; bytes and bpe do so in any case.") var raw = false
    @OptionGroup var options: TextOptions

    func validate() throws {
      if (input == nil) == (source == nil) { throw ValidationError("name the text file, once") }
      if raw && options.token == .word { throw ValidationError("--raw leaves no blanks between words: --token char") }
      if raw && letters { throw ValidationError("--raw and --letters exclude each other") }
    }

    func run() throws {
      guard let source = input ?? source else { return }
      var converter = TextConverter(source: source, kind: options.token)
      if raw { converter.cleaner.keepsAll = true }
      converter.cleaner.keepsLettersOnly = letters
      try options.convert(converter)
    }
  }

  struct TimeMachine: SoloCommand {
    static let configuration = CommandConfiguration(
      commandName: "time-machine", abstract: "The Time Machine by H. G. Wells, cleaned as the book's chapters do.",
      discussion: """
        Trainings take its first 10,000 characters or words, as the book's, unless --max-tokens says otherwise.
        """)

    @Option(
      help: "The text; by default timemachine.txt in the folder that LOCKSTEP_DATASETS names.", completion: .file())
    var source: String?
    @OptionGroup var options: TextOptions

    func run() throws { try options.convert(TextConverter.timeMachine(source: source, kind: options.token)) }
  }
}

/// What may be said about a text of any origin.
struct TextOptions: ParsableArguments {
  @Option(help: "The HDF5 file to write.", completion: .hdf5) var output: String
  @Option(
    help: "A held-out text, for /validation: it is given the training text's vocabulary.", completion: .file())
  var validation: String?
  @Option(help: "What a token is: char, word, byte or bpe (byte pairs that are merged as GPT-2's).") var token =
    TokenKind.char
  @Option(parsing: .unconditional, help: "Tokens that bpe learns, the 256 bytes and <unk> included; 4096 unless given.")
  var vocabulary: Int?
  @Option(parsing: .unconditional, help: "Keeps the first so many tokens.") var maxTokens: Int?
  @Option(
    parsing: .unconditional, help: "Tokens that come less often become <unk>; pairs that do are not merged by bpe.")
  var minFrequency = 0
  @Flag(help: "Reads invalid UTF-8 with a replacement rather than refusing it.") var lossy = false
  @OptionGroup var storage: StorageOptions

  private static let vocabularies = 257...1_000_000

  func validate() throws {
    if let maxTokens, maxTokens < 1 { throw ValidationError("--max-tokens is \(maxTokens), but must be at least 1") }
    if minFrequency < 0 { throw ValidationError("--min-frequency is \(minFrequency), but must be 0 or more") }
    guard let vocabulary else { return }
    if token != .bpe { throw ValidationError("--vocabulary is for --token bpe, not \(token.rawValue)") }
    guard Self.vocabularies.contains(vocabulary) else {
      throw ValidationError(
        "--vocabulary is \(vocabulary), but must be in \(Self.vocabularies.lowerBound)…\(Self.vocabularies.upperBound)")
    }
  }

  func convert(_ converter: TextConverter) throws {
    var converter = converter
    (converter.maximumTokens, converter.minimumFrequency) = (maxTokens, minFrequency)
    (converter.validation, converter.cleaner.isLossy, converter.storage) = (validation, lossy, storage.storage)
    if let vocabulary { converter.vocabularyCount = vocabulary }
    let summary = try ConvertCommand.withLine("text") {
      converter.progress = $0
      return try converter.convert(to: output)
    }
    let share = summary.tokenCount < summary.allTokens ? " of \(summary.allTokens)" : ""
    print(
      "\(output): \(summary.tokenCount)\(share) \(converter.kind.plural) of \(summary.lineCount) lines, "
        + "\(summary.vocabularyCount) different with <unk>, \(summary.byteCount) bytes")
    if let count = summary.validationCount {
      print("/validation: \(count) \(converter.kind.plural), \(summary.unknownCount) of them <unk>")
    }
  }
}
