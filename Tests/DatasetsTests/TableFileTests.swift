import Foundation
import HDF5Files
import Testing

@testable import Datasets
@testable import TestSupport

@Suite struct TableFileTests {
  private func options(_ target: String = "price") -> TablePreparation.Options {
    var options = TablePreparation.Options(target: target)
    (options.standardizes, options.isOneHot, options.identifier) = (true, true, "id")
    return options
  }

  private let train = "id,x,kind,price\nr1,1,b,10\nr2,3,a,20\nr3,NA,,60\n"
  private let test = "id,kind,x\nt1,c,5\nt2,a,NA\n"

  private func convert(
    _ train: String, _ test: String?, _ options: TablePreparation.Options, _ folder: TemporaryFolder,
    chunkRows: Int? = nil
  ) throws -> TableFile {
    let main = try folder.put(Array(train.utf8), "train.csv")
    let other = try test.map { try folder.put(Array($0.utf8), "test.csv") }
    var converter = CSVConverter(train: main, test: other, options: options)
    converter.storage.chunkRows = chunkRows
    _ = try converter.convert(to: folder.file("t.h5"))
    return try TableFile(folder.file("t.h5"))
  }

  /// Means and categories are those of both files together.
  @Test func bothFilesShareTheirPreparation() throws {
    let file = try convert(train, test, options(), TemporaryFolder())
    #expect(file.featureNames == ["x", "kind_a", "kind_b", "kind_c", "kind_nan"])
    #expect(try file.split("train").features == [-1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1])
    #expect(try file.split("test").features == [1, 0, 0, 1, 0, 0, 1, 0, 0, 0])
    #expect(try file.split("train").targets == [10, 20, 60])
    #expect(try file.split("test").targets == nil)
    #expect(try file.split("test").identifiers == ["t1", "t2"])
    #expect(file.targetName == "price")
  }

  @Test func thePreparationIsRepeatedAndUndone() throws {
    var options = options()
    options.standardizesTarget = true
    let file = try convert(train, test, options, TemporaryFolder())
    let preparation = try #require(file.preparation)
    let rows = try DataFrame(csv: Array(test.utf8), name: "new.csv")
    #expect(try preparation.features(of: rows, "new.csv") == file.split("test").features)
    let targets = try #require(try file.split("train").targets)
    let undone = targets.map { Double($0) * preparation.targetScale + preparation.targetShift }
    for (found, expected) in zip(undone, [10.0, 20, 60]) { #expect(abs(found - expected) < 1e-5) }

    for (text, words) in [
      ("id,kind,x\nt,zebra,1\n", "row 2, column \"kind\": \"zebra\" is none of the categories known"),
      ("id,kind,x\nt,a,one\n", "row 2, column \"x\": expected a number, found \"one\""),
      ("id,x\nt,1\n", "has no column \"kind\""),
    ] {
      let table = try DataFrame(csv: Array(text.utf8), name: "new.csv")
      let found = message { _ = try preparation.features(of: table, "new.csv") }
      #expect(found?.contains(words) == true, "\(found ?? "nothing")")
    }
  }

  @Test(arguments: [
    ("id,x,price\na,1,2\nb,2,NA\n", "row 3, column \"price\": expected a finite number to predict, found nothing"),
    ("id,x,price\na,1,2\nb,2,dear\n", "row 3, column \"price\": expected a number, found \"dear\""),
    ("id,x,price\na,1,1e60\n", "row 2, column \"price\": expected a finite number to predict, found 1e+60"),
    ("id,x,price\na,inf,1\n", "row 2, column \"x\": inf is no finite number"),
    ("id,x,y,price\na,1,NA,1\n", "column \"y\" holds no value at all"),
    ("id,x\na,1\n", "has no column \"price\""), ("id,price\na,1\n", "no column left"), ("id,x,price\n", "no row below"),
  ]) func badTables(_ text: String, _ words: String) throws {
    let folder = try TemporaryFolder()
    let found = message { _ = try convert(text, nil, options(), folder) }
    #expect(found?.contains(words) == true, "\(found ?? "nothing")")
    #expect(try !folder.names.contains("t.h5"))
  }

  @Test func wordsNeedOneHotAndConstantColumnsAreZero() throws {
    var plain = options()
    plain.isOneHot = false
    let found = message { _ = try convert(train, nil, plain, TemporaryFolder()) }
    #expect(found?.contains("column \"kind\" holds words") == true, "\(found ?? "")")
    plain.dropped = ["kind"]
    plain.filling = .constant(0)
    let file = try convert("id,x,c,kind,price\na,1,5,q,1\nb,3,5,q,2\n", nil, plain, TemporaryFolder())
    #expect(file.featureNames == ["x", "c"])
    #expect(try file.split("train").features[1] == 0)
  }

  /// What a column holds, its mean and its categories may show themselves only far behind the first megabyte; a word there makes
  /// words of all numbers before it.
  @Test func tablesOfManyBlocks() throws {
    var text = "id,x,y,kind,price\n"
    for row in 0..<120_000 { text += "\(row),\(row % 7),,\(row == 110_000 ? "late" : "0\(row % 3)"),\(row % 5)\n" }
    let folder = try TemporaryFolder()
    var options = options()
    options.filling = .constant(2)
    let file = try convert(text, "id,x,y,kind\nlast,3,7,late\n", options, folder)
    #expect(file.featureNames == ["x", "y", "kind_00", "kind_01", "kind_02", "kind_late", "kind_nan"])
    let train = try file.split("train")
    #expect(train.count == 120_000 && train.identifiers?.last == "119999")
    #expect(train.targets == (0..<120_000).map { Float($0 % 5) })
    let (numbers, last) = ((0..<120_000).map { Double($0 % 7) }, 3.0)
    let statistics = ColumnStatistics(numbers + [last])
    #expect((0..<120_000).allSatisfy { train.features[$0 * 7] == Float(statistics.standardize(numbers[$0])) })
    #expect(Array(train.features[(110_000 * 7 + 2)..<(110_001 * 7)]) == [0, 0, 0, 1, 0])
    #expect(try Array(file.split("test").features.dropFirst(2)) == [0, 0, 0, 1, 0])
    #expect(try file.split("test").identifiers == ["last"])
    // Rows are counted through all blocks.
    for (line, words) in [
      ("1,2,3\n", "row 120002: expected 5 fields as in row 1, found 3"),
      ("1,2,3,4,dear\n", "row 120002, column \"price\": expected a number, found \"dear\""),
      ("1,2,3,4,\n", "row 120002, column \"price\": expected a finite number to predict, found nothing"),
      ("1,inf,3,4,5\n", "row 120002, column \"x\": inf is no finite number"),
      ("1,1e39,3,\"a\nb\",5\n", "row 120002, column \"x\": 1e+39 is beyond"),
      ("1,2,3,\"4,5\n", "row 120002, column 4: the quote that opens here is never closed"),
    ] {
      options.standardizes = false
      let found = message { _ = try convert(text + line, nil, options, TemporaryFolder()) }
      #expect(found?.contains(words) == true, "\(found ?? "nothing")")
    }
  }

  /// Without names of columns the first row counts like the others, be it of words.
  @Test func tablesWithoutAHeading() throws {
    let folder = try TemporaryFolder()
    var options = TablePreparation.Options(target: "2")
    options.isOneHot = true
    var converter = CSVConverter(train: try folder.put(Array("a,1,5\nb,2,6\n".utf8), "a.csv"), options: options)
    converter.hasHeading = false
    _ = try converter.convert(to: folder.file("t.h5"))
    let split = try TableFile(folder.file("t.h5")).split("train")
    #expect(split.features == [1, 1, 0, 0, 2, 0, 1, 0] && split.targets == [5, 6])
    converter = CSVConverter(train: try folder.put(Array("a,1,5\nb,2,\n".utf8), "b.csv"), options: options)
    converter.hasHeading = false
    let found = message { _ = try converter.convert(to: folder.file("t.h5")) }
    #expect(found?.contains("row 2, column \"2\": expected a finite number") == true, "\(found ?? "nothing")")
  }

  /// The same rows whatever pieces they come in.
  @Test(arguments: [1, 2, 3, 5, 8, 64]) func pieces(_ bytes: Int) throws {
    let text = "\u{FEFF}a,\"b \"\"c\"\"\",d\r\n1,\"x\r\n,\",\r\r\n\n2,\"\",y\n3,NA,\"\"\"\"\r,,\n4,z,\"NA\""
    let whole = try DataFrame(csv: Array(text.utf8), name: "a.csv")
    let folder = try TemporaryFolder()
    var table = try CSVTable(
      folder.put(Array(text.utf8), "a.csv"), separator: ",", missing: DataFrame.missingWords, hasHeading: true)
    table.pieceBytes = bytes
    var rows: [[String?]] = []
    var read = 0
    let note = { (bytes: UnsafeRawBufferPointer) in read += bytes.count }
    let areWords = whole.columns.map { $0.numbers == nil }
    try table.forEachBlock(areWords: areWords, onStoredBytes: note) { block in
      #expect(block.firstRow == rows.count + 2 && block.table.names == whole.names)
      for row in 0..<block.table.rowCount { rows.append(block.table.columns.map { $0.text(row) }) }
    }
    #expect(rows == (0..<whole.rowCount).map { row in whole.columns.map { $0.text(row) } })
    #expect(rows.count == 5 && read == text.utf8.count)
  }

  @Test func tooManyWordsAreRefused() throws {
    var text = "x,word,price\n"
    for row in 0...(1 << 16) { text += "1,w\(row),2\n" }
    var options = options()
    options.identifier = nil
    let found = message { _ = try convert(text, nil, options, TemporaryFolder()) }
    #expect(found?.contains("\"word\" holds more than 65536 different words") == true, "\(found ?? "nothing")")
    options.identifier = "word"
    let file = try convert(text, nil, options, TemporaryFolder())
    #expect(try file.split("train").identifiers?.last == "w65536")
  }

  /// A table that is read when it is needed has the samples, and the digest, of one in memory.
  @Test func tablesAreStreamed() throws {
    var text = "id,x,kind,price\n"
    for row in 0..<500 { text += "\(row),\(row * 37 % 101),\(row % 3 == 0 ? "a" : "b"),\(row % 11)\n" }
    let file = try convert(text, "id,x,kind\nlast,3,a\n", options(), TemporaryFolder(), chunkRows: 16)
    let whole = try file.dataset("train")
    #expect(whole is TableDataset && whole.count == 500)
    var options = StreamingOptions(memory: 4096)
    options.window = 1024
    let streamed = try #require(try file.dataset("train", options, isTraining: true) as? Streamed)
    #expect(!streamed.isResident && streamed.shuffling == .windowed)
    #expect(try streamed.digest == whole.digest)
    options = StreamingOptions()
    options.shuffling = .windowed
    let resident = try #require(try file.dataset("train", options, isTraining: true) as? Streamed)
    #expect(try resident.isResident && resident.digest == whole.digest)
    let samples = [499, 0, 7, 250]
    for other in [streamed, resident] {
      let (found, expected) = try (other.batch(samples), whole.batch(samples))
      #expect(try found.inputs.floats() == expected.inputs.floats())
      #expect(try found.targets.floats() == expected.targets.floats() && found.targets.shape == [4, 1])
    }
    let test = try file.dataset("test", options)
    #expect(try test.batch([0]).targets.floats()[0].isNaN && test.digest == file.dataset("test").digest)
    #expect(!file.isLabelled("test") && file.isLabelled("train"))
  }

  /// The Kaggle files as pandas prepares them.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["LOCKSTEP_DATASETS"] != nil)) func housePrices() throws {
    struct Reference: Decodable {
      let shape: [Int]
      let train: Int
      let names: [String]
      let sums, squares: [Double]
      let samples: [[Double]]
      let priceSum: Double
    }
    let url = try #require(
      Bundle.module.url(forResource: "house_prices", withExtension: "json", subdirectory: "Fixtures"))
    let reference = try JSONDecoder().decode(Reference.self, from: Data(contentsOf: url))
    let folder = try TemporaryFolder()
    _ = try HousePricesConverter().convert(to: folder.file("h.h5"))
    let file = try TableFile(folder.file("h.h5"))
    let (train, test) = (try file.split("train"), try file.split("test"))
    #expect(file.featureNames == reference.names && [train.count + test.count, train.width] == reference.shape)
    let all = train.features + test.features
    let width = train.width
    for column in 0..<width {
      let values = stride(from: column, to: all.count, by: width).map { Double(all[$0]) }
      #expect(abs(values.reduce(0, +) - reference.sums[column]) < 1e-3)
      #expect(abs(values.reduce(0) { $0 + $1 * $1 } - reference.squares[column]) < 1e-3)
    }
    for sample in reference.samples {
      let found = Double(all[Int(sample[0]) * width + Int(sample[1])])
      #expect(abs(found - sample[2]) <= 1e-6 * max(1, abs(sample[2])))
    }
    #expect((train.targets ?? []).reduce(0) { $0 + Double($1) } == reference.priceSum)
    #expect(train.count == reference.train && test.identifiers?.first == "1461")
  }
}
