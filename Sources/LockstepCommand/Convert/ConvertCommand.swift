import ArgumentParser
import Lockstep

struct ConvertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert", abstract: "Makes HDF5 datasets from files of other formats.",
    subcommands: [
      FashionMNIST.self, IDX.self, Images.self, CSV.self, HousePrices.self, SyntheticLinear.self, SyntheticSine.self,
      NPY.self, NPZ.self,
      Text.self, TimeMachine.self, Pairs.self, EnglishFrench.self,
    ])

  /// Names of classes as an option has them: separated by commas, empty ones as well.
  static func names(_ text: String?) -> [String]? {
    text.map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
  }

  struct FashionMNIST: SoloCommand {
    static let configuration = CommandConfiguration(
      commandName: "fashion-mnist", abstract: "Fashion-MNIST, 60,000 + 10,000 images of clothes, 28×28.")

    @Option(help: "The HDF5 file to write.", completion: .hdf5) var output: String
    @Option(
      help: "The folder with the four gzip files; by default that of Debian's dataset-fashion-mnist.",
      completion: .directory)
    var source: String?
    @OptionGroup var storage: StorageOptions

    func run() throws {
      var converter = FashionMNISTConverter(source: source)
      converter.storage = storage.storage
      let summary = try ConvertCommand.withLine("images") {
        converter.progress = $0
        return try converter.convert(to: output)
      }
      ConvertCommand.report(summary, output)
    }
  }

  struct IDX: SoloCommand {
    static let configuration = CommandConfiguration(
      commandName: "idx", abstract: "Images and labels in IDX files, plain or gzip, as MNIST's.")

    @Option(help: "The HDF5 file to write.", completion: .hdf5) var output: String
    @Option(help: "Training images, [n, height, width] or [n, channels, height, width].", completion: .file())
    var trainImages: String
    @Option(help: "Training labels, [n].", completion: .file()) var trainLabels: String
    @Option(help: "Test images.", completion: .file()) var testImages: String?
    @Option(help: "Test labels.", completion: .file()) var testLabels: String?
    @Option(help: "Names of the classes, separated by commas.") var classNames: String?
    @OptionGroup var storage: StorageOptions

    func validate() throws {
      if (testImages == nil) != (testLabels == nil) {
        throw ValidationError("--test-images and --test-labels belong together")
      }
    }

    func run() throws {
      let names = ConvertCommand.names(classNames)
      var converter: IDXConverter
      if let testImages, let testLabels {
        converter = IDXConverter(
          trainImages: trainImages, trainLabels: trainLabels, testImages: testImages, testLabels: testLabels,
          classNames: names)
      } else {
        converter = IDXConverter(trainImages: trainImages, trainLabels: trainLabels, classNames: names)
      }
      converter.storage = storage.storage
      let summary = try ConvertCommand.withLine("images") {
        converter.progress = $0
        return try converter.convert(to: output)
      }
      ConvertCommand.report(summary, output)
    }
  }

  /// Runs a conversion, which tells how far it has come, with a live line on a terminal.
  static func withLine<Summary>(
    _ name: String, _ convert: (@escaping @Sendable (Double) -> Void) throws -> Summary
  ) rethrows -> Summary {
    let line = WorkLine(name)
    defer { line.clear() }
    return try convert { line.draw($0) }
  }

  private static func report(_ summary: IDXConverter.Summary, _ output: String) {
    let test = summary.testCount > 0 ? " + \(summary.testCount)" : ""
    print(
      "\(output): \(summary.trainCount)\(test) images of \(summary.channels)×\(summary.height)×\(summary.width), "
        + "\(summary.classNames.count) classes, \(summary.byteCount) bytes")
  }
}
