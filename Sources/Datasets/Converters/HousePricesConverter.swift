import Foundation
import HDF5Files

/// Turns the two files of the Kaggle competition on house prices (Ames, De Cock 2011) into an HDF5 file, by the recipe of the
/// book's chapter 4.10: numbers of both files standardised together, missing ones 0, words one-hot with a column for missing
/// ones. 1,460 + 1,459 rows of 331 features.
public struct HousePricesConverter: Sendable {
  /// Under the book's data host.
  static let trainName = "kaggle_house_pred_train.csv"
  static let testName = "kaggle_house_pred_test.csv"

  /// The folder that holds both files.
  public let source: String

  /// - Parameter source: nil stands for the folder that `LOCKSTEP_DATASETS` names, else for the working folder.
  public init(source: String? = nil) {
    self.source = source ?? ProcessInfo.processInfo.environment["LOCKSTEP_DATASETS"] ?? "."
  }

  /// Reads and checks everything, then writes the file at `output` as a whole.
  /// - Throws: as `CSVConverter.convert` does; `InputError` when the files hold other rows or columns.
  public func convert(to output: String) throws -> CSVConverter.Summary {
    let (train, test) = ("\(source)/\(Self.trainName)", "\(source)/\(Self.testName)")
    for path in [train, test] where !FileManager.default.fileExists(atPath: path) {
      let name = path == train ? Self.trainName : Self.testName
      throw FileError(
        .missing, path: path,
        "no such file; curl -O \(DatasetFolder.address)\(name) brings it, --source names its folder")
    }
    for (path, expected) in [(train, (rows: 1460, columns: 81)), (test, (rows: 1459, columns: 80))] {
      let table = try DataFrame(csv: path)
      guard table.rowCount == expected.rows, table.columns.count == expected.columns else {
        let found = "\(table.rowCount) rows of \(table.columns.count) columns"
        throw InputError(path, "expected \(expected.rows) rows of \(expected.columns) columns, found \(found)")
      }
    }
    var options = TablePreparation.Options(target: "SalePrice")
    options.identifier = "Id"
    (options.standardizes, options.isOneHot) = (true, true)
    return try CSVConverter(train: train, test: test, options: options).convert(to: output)
  }
}
