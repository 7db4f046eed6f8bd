import Foundation
import HDF5Files
import Testing

@testable import Datasets
@testable import TestSupport

@Suite struct ClassTableTests {
  private func convert(_ train: String, _ test: String? = nil, _ folder: TemporaryFolder) throws -> ArrayFile {
    var options = TablePreparation.Options(target: "kind")
    options.isClassification = true
    if train.hasPrefix("id") { options.identifier = "id" }
    let main = try folder.put(Array(train.utf8), "train.csv")
    let other = try test.map { try folder.put(Array($0.utf8), "test.csv") }
    _ = try CSVConverter(train: main, test: other, options: options).convert(to: folder.file("t.h5"))
    return try #require(try ArrayFile.open(folder.file("t.h5")))
  }

  @Test func wordsAreClassesInTheirOrder() throws {
    let folder = try TemporaryFolder()
    let file = try convert("id,x,kind,y\na,1,pear,5\nb,2,apple,6\nc,3,Zebra,7\n", "y,x,id\n8,9,t\n", folder)
    #expect(file.layout == .table)
    #expect(file.classNames == ["Zebra", "apple", "pear"])
    #expect(file.outputs == .classes(3))
    #expect(file.featureNames == ["x", "y"])
    #expect(file.targetName == "kind")
    #expect(try file.labels("train") == [2, 1, 0])
    #expect(file.isLabelled("train") && !file.isLabelled("test"))
    #expect(try file.names("test") == ["t"])
    let batch = try file.streamed("train").batch([2, 0])
    #expect(try batch.inputs.floats() == [3, 7, 1, 5])
    #expect(batch.targets.dtype == .int64)
    #expect(try batch.targets.values(as: Int64.self) == [0, 2])
    #expect(try file.streamed("test").batch([0]).inputs.floats() == [9, 8])
    let raw = try HDF5File.open(folder.file("t.h5"))
    #expect(try raw.attribute("task", of: "/") == .string("classification"))
    #expect(try raw.elementType(of: "/train/labels") == .int64)
    #expect(try raw.elementType(of: "/train/features") == .float32)
  }

  /// 2 comes before 10, as numbers do.
  @Test func integersAreClassesByTheirSize() throws {
    let file = try convert("x,kind\n1,10\n2,2\n3,-1\n4,2\n", "x,kind\n1,2\n", TemporaryFolder())
    #expect(file.classNames == ["-1", "2", "10"])
    #expect(try file.labels("train") == [2, 1, 0, 1])
    #expect(try file.labels("test") == [1])
  }

  @Test(arguments: [
    ("x,kind\n1,a\n2,\n", nil, "row 3, column \"kind\": expected a word or a whole number for a class, found nothing"),
    ("x,kind\n1,1\n2,1.5\n", nil, "row 3, column \"kind\": expected a word or a whole number for a class, found 1.5"),
    ("x,kind\n1,a\n2,a\n", nil, "every row is of the class \"a\""),
    ("x,kind\n1,a\n2,b\n", "x,kind\n1,c\n", "row 2, column \"kind\": \"c\" is no class of the training rows"),
    ("x,sort\n1,a\n", nil, "has no column \"kind\""),
  ]) func badClasses(_ train: String, _ test: String?, _ words: String) throws {
    let folder = try TemporaryFolder()
    let found = message { _ = try convert(train, test, folder) }
    #expect(found?.contains(words) == true, "\(found ?? "nothing")")
    #expect(try !folder.names.contains("t.h5"))
  }

  @Test func iris() throws {
    let folder = try TemporaryFolder()
    var options = TablePreparation.Options(target: "class")
    (options.isClassification, options.standardizes) = (true, true)
    func path(_ name: String) -> String { Bundle.module.bundleURL.appendingPathComponent("Fixtures/\(name)").path }
    let summary = try CSVConverter(train: path("iris_train.csv"), test: path("iris_test.csv"), options: options)
      .convert(to: folder.file("iris.h5"))
    #expect(summary.trainCount == 120 && summary.testCount == 30 && summary.featureNames.count == 4)
    #expect(summary.classNames == ["setosa", "versicolor", "virginica"])
    let file = try #require(try ArrayFile.open(folder.file("iris.h5")))
    for kind: Int32 in 0..<3 { #expect(try file.labels("train")?.count { $0 == kind } == 40) }
    let values = try file.streamed("train").batch(Array(0..<120)).inputs.floats()
    #expect(values.allSatisfy { abs($0) < 4 })
  }
}
