import Foundation
import HDF5Files
import Tensors
import Testing

@testable import Datasets
@testable import TestSupport

private func read(_ text: String, missing: Set<String> = DataFrame.missingWords) throws -> DataFrame {
  try DataFrame(csv: Array(text.utf8), name: "t.csv", missing: missing)
}

@Suite struct DataFrameTests {
  /// The notes' table and their tensors.
  @Test func houseTiny() throws {
    let data = try read("NumRooms,Alley,Price\nNA,Pave,127500\n2,NA,106000\n4,NA,178100\nNA,NA,140000\n")
    let inputs = try data.selecting(0..<2).fillMissing(.mean).oneHot(missingAsCategory: true)
    #expect(inputs.names == ["NumRooms", "Alley_Pave", "Alley_nan"])
    let x = try inputs.tensor(.float64)
    #expect(x.shape == [4, 3] && x.dtype == .float64)
    #expect(try x.values(as: Double.self) == [3, 1, 0, 2, 0, 1, 4, 0, 1, 3, 0, 1])
    #expect(try data.selecting(["Price"]).tensor(.int64).values(as: Int64.self) == [127500, 106000, 178100, 140000])
    #expect(try data.droppingColumnWithMostMissing().names == ["NumRooms", "Price"])
    #expect(try inputs.oneHot(missingAsCategory: true) == inputs)
    #expect(throws: InputError.self) { try data.tensor() }
  }

  @Test func quotesLineEndsAndMissingWords() throws {
    let data = try read("\u{FEFF}a,\"b \"\"q\"\"\",c\r\n1,\"NA\",\r\n\r\n-2.5e-3,\"x,\ny\",7\r3,NA,8")
    #expect(data.names == ["a", "b \"q\"", "c"])
    #expect(data["a"]?.numbers == [1, -2.5e-3, 3])
    #expect(data["b \"q\""]?.words == ["NA", "x,\ny", nil])
    #expect(data["c"]?.missingCount == 1)
    // What pandas takes for missing, but None.
    let words = ["", "#N/A", "NA", "N/A", "NULL", "null", "NaN", "nan", "n/a", "<NA>", "None", "na"]
    let column = try #require(read("x,y\n" + words.map { "1,\($0)\n" }.joined())["y"])
    #expect(column.words == words.map { ["None", "na"].contains($0) ? $0 : nil })
    #expect(try read("x,y\n1,NA\n", missing: [])["y"]?.words == ["NA"])
    // A quoted number is a number; a column of nothing holds numbers that are missing, as in pandas.
    #expect(try read("x,y\n\"5\",\n\"\",NA\n")["x"]?.missingCount == 1)
    #expect(try read("x,y\n1,\n2,NA\n")["y"]?.numbers?.allSatisfy(\.isNaN) == true)
  }

  @Test func textAfterManyNumbers() throws {
    let rows = (0..<1000).map { "\($0),\($0 == 700 ? "x" : "\($0 % 3)")" }
    let data = try read("n,m\n" + rows.joined(separator: "\n"))
    #expect(data["m"]?.words == (0..<1000).map { $0 == 700 ? "x" : "\($0 % 3)" })
    #expect(data["n"]?.numbers?.reduce(0, +) == 499_500)
  }

  @Test(arguments: [
    ("", "is empty"), ("\n\n", "is empty"), ("a,b\n1,2\n3\n", "row 3: expected 2 fields as in row 1, found 1"),
    ("a,b\n1,2,3\n", "row 2: expected 2 fields as in row 1, found 3"), ("a,b\n1,\"2\n", "row 2, column 2"),
    ("a,\"", "row 1, column 2"), ("a,b\n1,\"2\"x\n", "row 2, column 2: text follows a closing quote"),
    ("a,b,a\n1,2,3\n", "row 1: columns 1 and 3 are both named \"a\""),
    ("a,b\n1,x\0y\n", "row 2, column 2: holds a zero"),
  ]) func badInput(_ text: String, _ words: String) throws {
    let found = try #require(message { _ = try read(text) })
    #expect(found.contains(words) && found.hasPrefix("t.csv: "), "\(found)")
    #expect(!found.contains("\n"))
  }

  @Test func textThatIsNoUTF8() {
    let found = message { _ = try DataFrame(csv: Array("a,b\n1,".utf8) + [0xFF, 0x0A], name: "t.csv") }
    #expect(found?.contains("row 2, column 2: is no UTF-8") == true, "\(found ?? "")")
  }

  @Test func preparing() throws {
    let data = try read("x,c,w,k\n1,7,b,\n3,7,,\n,7,a,\n5,7,b,\n")
    #expect(try data.fillMissing(.mean)["x"]?.numbers == [1, 3, 3, 5])
    #expect(try data.fillMissing(.constant(-1))["x"]?.numbers == [1, 3, -1, 5])
    let standard = try data.standardized()
    #expect(standard["x"]?.numbers?[0] == -1 && standard["x"]?.numbers?[3] == 1)
    #expect(standard["c"]?.numbers == [0, 0, 0, 0])
    #expect(try data.oneHot(missingAsCategory: false).names == ["x", "c", "k", "w_a", "w_b"])
    #expect(try data.oneHot(missingAsCategory: true)["w_nan"]?.numbers == [0, 1, 0, 0])
    #expect(try data.droppingColumnWithMostMissing().names == ["x", "c", "w"])
    let both = try data.concatenated(with: data.rows(1..<3))
    #expect(both.rowCount == 6 && both["w"]?.words == ["b", nil, "a", "b", nil, "a"])
    #expect(try data.dropping(["c", "w"]).names == ["x", "k"])
    #expect(throws: InputError.self) { try data.selecting(["nothing"]) }
  }

  @Test func writtenTablesReadTheSame() throws {
    let data = try DataFrame([
      Column("a,b", [1, .nan, -2.5e-8, 1e300]), Column("q\"", words: ["x\ny", nil, "NA", "say \"a\""]),
    ])
    let again = try read(data.csv())
    #expect(again["q\""]?.words == data["q\""]?.words && again.names == data.names)
    #expect(again["a,b"]?.numbers?.map(\.bitPattern)[2...] == data["a,b"]?.numbers?.map(\.bitPattern)[2...])
    #expect(try DataFrame([Column("Id", [1461, 1462]), Column("p", [0.5, 3])]).csv() == "Id,p\n1461,0.5\n1462,3\n")
  }

  /// Every decimal number is the nearest double, as strtod has it.
  @Test func decimalNumbers() throws {
    var state: UInt64 = 7
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    func digits(_ count: Int) -> String { (0..<count).map { _ in "\(random(10))" }.joined() }
    for _ in 0..<20_000 {
      let sign = ["", "-", "+"][random(3)]
      let exponent = random(3) == 0 ? "e\(random(700) - 350)" : ""
      let text = sign + digits(1 + random(20)) + (random(2) == 0 ? "." + digits(random(20)) : "") + exponent
      let found = Array(text.utf8).withUnsafeBufferPointer(DecimalNumber.parse)
      #expect(found?.bitPattern == strtod(text, nil).bitPattern, "\(text)")
    }
    for text in ["", ".", "+", "1e", "1e+", "0x10", "1_0", "1 2", "--1", "e5", "1.2.3", "nan", "infinit", "12a"] {
      #expect(Array(text.utf8).withUnsafeBufferPointer(DecimalNumber.parse) == nil, "\(text)")
    }
    for (text, value) in [(" 5\t", 5.0), ("-Inf", -.infinity), ("infinity", .infinity), ("5.", 5), (".5", 0.5)] {
      #expect(Array(text.utf8).withUnsafeBufferPointer(DecimalNumber.parse) == value, "\(text)")
    }
  }

  /// Tables that Python's csv module wrote, in both of its line ends and quoting styles.
  @Test(.enabled(if: Python.withH5py != nil)) func tablesOfPythonsCSV() throws {
    let folder = try TemporaryFolder()
    let lines = """
      import csv, json, random, sys
      random.seed(5)
      letters = ['a', 'Ω', '"', ',', '\\n', '\\r', ' ', '0', '-', '.', '😀', '""', '\\r\\n', "'", ';', '\\t']
      tables = []
      for number in range(300):
          width = random.randint(1, 6)
          quoting = random.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
          # Older csv modules leave a lone carriage return without quotes, and can't read their own file.
          usable = [c for c in letters if quoting == csv.QUOTE_ALL or '\\r' not in c]
          word = lambda: ''.join(random.choices(usable, k=random.randint(0, 6)))
          rows = [['h%d%s' % (i, word()) for i in range(width)]]
          rows += [['w' + word() for _ in range(width)] for _ in range(random.randint(1, 40))]
          with open('%s/%d.csv' % (sys.argv[1], number), 'w', newline='', encoding='utf-8') as file:
              csv.writer(file, lineterminator=random.choice(['\\n', '\\r\\n']), quoting=quoting).writerows(rows)
          with open('%s/%d.csv' % (sys.argv[1], number), newline='', encoding='utf-8') as file:
              assert list(csv.reader(file)) == rows
          tables.append(rows)
      json.dump(tables, open(sys.argv[1] + '/tables.json', 'w'))
      """
    _ = try Python.run(lines, [folder.path])
    let json = try Data(contentsOf: URL(fileURLWithPath: folder.file("tables.json")))
    let tables = try JSONDecoder().decode([[[String]]].self, from: json)
    #expect(tables.count == 300)
    for (number, rows) in tables.enumerated() {
      let read = try DataFrame(csv: folder.file("\(number).csv"))
      let found = (0..<read.rowCount).map { row in read.columns.map { $0.text(row) ?? "" } }
      #expect([read.names] + found == rows, "table \(number)")
    }
  }
}
