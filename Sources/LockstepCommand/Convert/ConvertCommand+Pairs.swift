import ArgumentParser
import Lockstep

extension ConvertCommand {
  struct Pairs: SoloCommand {
    static let configuration = CommandConfiguration(
      commandName: "pairs",
      abstract: "Sentences and their translations: a pair on each line of a UTF-8 text, with a tab between them.",
      discussion: "Further columns are ignored.")

    @Argument(help: "The text file.", completion: .file()) var input: String
    @OptionGroup var options: PairsOptions

    func run() throws { try options.convert(PairsConverter(source: input)) }
  }

  struct EnglishFrench: SoloCommand {
    static let configuration = CommandConfiguration(
      commandName: "fra-eng", abstract: "The book's English and French sentences, the first 600 pairs.",
      discussion: "The file is that of the book's archive fra-eng.zip; --examples 0 takes all of it.")

    @Option(help: "The text; by default fra.txt in the folder that LOCKSTEP_DATASETS names.", completion: .file())
    var source: String?
    @OptionGroup var options: PairsOptions

    func run() throws { try options.convert(PairsConverter.englishFrench(source: source)) }
  }
}

/// What may be said about sentence pairs of any origin.
struct PairsOptions: ParsableArguments {
  @Option(help: "The HDF5 file to write.", completion: .hdf5) var output: String
  @Option(
    parsing: .unconditional,
    help: "Tokens of each sentence with its <eos>: longer ones are cut, shorter ones padded. At least 2.")
  var steps = 10
  @Option(parsing: .unconditional, help: "Takes the first so many pairs; 0 for all.") var examples: Int?
  @Option(parsing: .unconditional, help: "Words that come less often become <unk>.") var minFrequency = 2
  @Flag(help: "Reads invalid UTF-8 with a replacement rather than refusing it.") var lossy = false
  @OptionGroup var storage: StorageOptions

  private static let mostSteps = 10_000

  func validate() throws {
    guard (2...Self.mostSteps).contains(steps) else {
      throw ValidationError("--steps is \(steps), but must be in 2…\(Self.mostSteps)")
    }
    if let examples, examples < 0 { throw ValidationError("--examples is \(examples), but must be 0 or more") }
    if minFrequency < 0 { throw ValidationError("--min-frequency is \(minFrequency), but must be 0 or more") }
  }

  func convert(_ converter: PairsConverter) throws {
    var converter = converter
    (converter.steps, converter.minimumFrequency, converter.isLossy) = (steps, minFrequency, lossy)
    if let examples { converter.maximumPairs = examples == 0 ? nil : examples }
    converter.storage = storage.storage
    let summary = try ConvertCommand.withLine("pairs") {
      converter.progress = $0
      return try converter.convert(to: output)
    }
    let cut = summary.cutSource + summary.cutTarget
    print(
      "\(output): \(summary.pairCount) pairs of \(summary.steps) tokens, vocabularies of \(summary.sourceVocabulary) and "
        + "\(summary.targetVocabulary), \(cut) sentences cut, \(summary.byteCount) bytes")
  }
}
