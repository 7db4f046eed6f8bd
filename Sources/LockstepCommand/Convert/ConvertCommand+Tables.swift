import ArgumentParser
import Foundation
import Lockstep

/// Tables.
extension ConvertCommand {
  struct CSV: SoloCommand {
    static let configuration = CommandConfiguration(
      commandName: "csv", abstract: "A table in a CSV file: features, and a number or a class to predict.",
      discussion: "Missing are empty fields and those that pandas takes for missing (NA, NaN, null …), without quotes.")

    @Option(help: "The HDF5 file to write.", completion: .hdf5) var output: String
    @Option(
      name: [.customLong("train-file"), .customLong("input")], help: "The CSV file; its first row names the columns.",
      completion: .csv)
    var trainFile: String
    @Option(help: "A CSV file with the same columns, with or without the target.", completion: .csv) var testFile:
      String?
    @Option(help: "The column to predict.") var target: String
    @Flag(help: "The target's words or whole numbers are classes to tell apart, not numbers to predict.")
    var classes = false
    @Option(help: "Columns to leave out, separated by commas.") var drop: String?
    @Option(help: "A column that names the rows, such as Id: kept for submissions, no feature.") var id: String?
    @Flag(help: "Numbers get mean 0 and standard deviation 1, over both files together.") var standardize = false
    @Flag(help: "Scales the target alike; predict gives numbers in its own unit.") var standardizeTarget = false
    @Flag(help: "Columns of words become a column of 0 and 1 per word, and one for missing ones.") var oneHot = false
    @Option(parsing: .unconditional, help: "What stands in for missing numbers: mean, or a number.") var fill = "mean"
    @Option(help: "What separates fields: a character, '\\t' for a tab.") var separator = ","
    @Flag(help: "The first row is data, too: the columns are called 0, 1, 2 …") var noHeader = false
    @OptionGroup var storage: StorageOptions

    func run() throws {
      var options = TablePreparation.Options(target: target)
      options.dropped = drop.map { $0.split(separator: ",").map(String.init) } ?? []
      (options.identifier, options.standardizes, options.isOneHot) = (id, standardize, oneHot)
      (options.standardizesTarget, options.isClassification) = (standardizeTarget, classes)
      if classes && standardizeTarget { throw ConfigurationError("standardize-target is for numbers, not for classes") }
      if fill != "mean" {
        guard let number = Double(fill), number.isFinite else {
          throw ConfigurationError("fill is '\(fill)', but must be mean or a number")
        }
        options.filling = .constant(number)
      }
      let separator = separator == "\\t" ? "\t" : separator
      guard separator.count == 1, let character = separator.first, character.isASCII else {
        throw ConfigurationError("separator is '\(separator)', but must be one character")
      }
      var converter = CSVConverter(train: trainFile, test: testFile, options: options)
      (converter.separator, converter.hasHeading, converter.storage) = (character, !noHeader, storage.storage)
      let summary = try ConvertCommand.withLine("rows") {
        converter.progress = $0
        return try converter.convert(to: output)
      }
      report(summary, output)
    }
  }

  struct HousePrices: SoloCommand {
    static let configuration = CommandConfiguration(
      commandName: "house-prices", abstract: "The book's Kaggle competition, 1,460 + 1,459 houses, 331 features.")

    @Option(help: "The HDF5 file to write.", completion: .hdf5) var output: String
    @Option(
      help: "The folder with kaggle_house_pred_train.csv and …_test.csv; by default $LOCKSTEP_DATASETS.",
      completion: .directory)
    var source: String?

    func run() throws { report(try HousePricesConverter(source: source).convert(to: output), output) }
  }

  struct SyntheticLinear: SoloCommand {
    static let configuration = CommandConfiguration(
      commandName: "synthetic-linear", abstract: "The book's made-up rows: y = x · w + b and normal noise.")

    @Option(help: "The HDF5 file to write.", completion: .hdf5) var output: String
    @Option(parsing: .unconditional, help: "The weights, separated by commas.") var weights = "2,-3.4"
    @Option(parsing: .unconditional, help: "The bias.") var bias = 4.2
    @Option(parsing: .unconditional, help: "Standard deviation of the noise.") var noise = 0.01
    @Option(help: "How many rows.") var rows = 1000
    @Option(help: "Defines the random numbers.") var seed: UInt64 = 0

    func run() throws {
      let numbers = weights.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) ?? .nan }
      guard numbers.allSatisfy(\.isFinite), bias.isFinite, noise.isFinite, noise >= 0, (1...1 << 24).contains(rows),
        numbers.count <= 4096
      else {
        throw ConfigurationError("weights are '\(weights)', bias \(bias), noise \(noise), rows \(rows): out of range")
      }
      let data = SyntheticLinearData(weights: numbers, bias: bias, noise: noise, seed: seed)
      report(try data.convert(rows: rows, to: output), output)
    }
  }

  struct SyntheticSine: SoloCommand {
    static let configuration = CommandConfiguration(
      commandName: "synthetic-sine", abstract: "The book's noisy sine: points in a row to predict the next from.")

    @Option(help: "The HDF5 file to write.", completion: .hdf5) var output: String
    @Option(help: "How many points.") var points = 1000
    @Option(help: "How many points in a row to predict from.") var lags = 4
    @Option(help: "How many rows to train on; the others are to test with.") var trainRows = 600
    @Option(parsing: .unconditional, help: "Standard deviation of the noise.") var noise = 0.2
    @Option(help: "Defines the random numbers.") var seed: UInt64 = 0

    func run() throws {
      guard (2...1 << 24).contains(points), (1...min(points - 1, 4096)).contains(lags),
        (1...points - lags).contains(trainRows), noise.isFinite, noise >= 0
      else {
        throw ConfigurationError(
          "points are \(points), lags \(lags), train-rows \(trainRows), noise \(noise): out of range")
      }
      let data = SyntheticSineData(points: points, lags: lags, noise: noise, seed: seed)
      report(try data.convert(trainingRows: trainRows, to: output), output)
    }
  }

  fileprivate static func describe(_ summary: CSVConverter.Summary) -> String {
    let test = summary.testCount > 0 ? " + \(summary.testCount)" : ""
    let classes = summary.classNames.isEmpty ? "" : ", one of \(summary.classNames.count) classes"
    return
      "\(summary.trainCount)\(test) rows of \(summary.featureNames.count) features to predict \(summary.targetName)"
      + classes
  }
}

private func report(_ summary: CSVConverter.Summary, _ output: String) {
  print("\(output): \(ConvertCommand.describe(summary)), \(summary.byteCount) bytes")
}
