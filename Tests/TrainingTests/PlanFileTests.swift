import Foundation
import Kernels
import Testing

@testable import TestSupport
@testable import Training

/// What was measured of kernels is found again; what is no such file, or another machine's, is measured anew and said in a line.
@Suite struct PlanFileTests {
  private let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  /// Plans as they are read from a file: their problems are no one's.
  private static func plans(_ extents: ClosedRange<Int>, _ choice: String = "winograd") throws -> [KernelPlan] {
    try extents.map { extent in
      let text =
        #"{"problem":{"kind":"forward","extents":[\#(extent)]},"batch":4,"choice":"\#(choice)"}"#
      return try JSONDecoder().decode(KernelPlan.self, from: Data(text.utf8))
    }
  }

  private static func silent(_ text: String) { Issue.record("\(text)") }

  private func file(threads: Int = 1, in place: String = "") throws -> PlanFile {
    let file = try PlanFile(in: folder.path + place, PlanFile.Machine(threads: threads))
    return try #require(file)
  }

  private func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder.path) }

  @Test func whatIsAddedIsRead() throws {
    #expect(try file().read(warn: Self.silent).isEmpty)
    try file().add(Self.plans(1...3), warn: Self.silent)
    #expect(try file().read(warn: Self.silent) == Self.plans(1...3))
    // Of another job meanwhile; what both measured is the later one's.
    try file().add(Self.plans(3...4, "onednn"), warn: Self.silent)
    #expect(try file().read(warn: Self.silent) == Self.plans(1...2) + Self.plans(3...4, "onednn"))
    #expect(try names().count == 1)
  }

  @Test func anotherNumberOfThreadsHasAFileOfItsOwn() throws {
    try file().add(Self.plans(1...1), warn: Self.silent)
    #expect(try file(threads: 2).read(warn: Self.silent).isEmpty)
    try file(threads: 2).add(Self.plans(2...2), warn: Self.silent)
    #expect(try file().read(warn: Self.silent) == Self.plans(1...1))
    #expect(try names().count == 2)
  }

  @Test func whatIsNotThisMachinesIsIgnoredInALine() throws {
    try file(threads: 3).add(Self.plans(1...2), warn: Self.silent)
    let path = try folder.file(#require(names().first))
    let foreign = try Data(contentsOf: URL(fileURLWithPath: path))
    try file().add(Self.plans(1...2), warn: Self.silent)
    let own = try folder.file(#require(names().first { !path.hasSuffix($0) }))
    let good = try Data(contentsOf: URL(fileURLWithPath: own))
    let damaged: [(Data, String)] = [
      (foreign, "holds the plans of another machine"), (good.prefix(good.count / 2), "does not hold plans of kernels"),
      (Data(), "does not hold plans of kernels"), (Data("[1, 2]".utf8), "does not hold plans of kernels"),
    ]
    for (bytes, words) in damaged {
      try bytes.write(to: URL(fileURLWithPath: own))
      var lines: [String] = []
      #expect(try file().read { lines.append($0) }.isEmpty)
      #expect(lines == ["\(own): \(words); its plans are measured anew"])
      try file().add(Self.plans(5...6), warn: Self.silent)
      #expect(try file().read(warn: Self.silent) == Self.plans(5...6))
    }
  }

  @Test func whatCannotBeKeptIsNoError() throws {
    _ = try folder.put([1], "file")
    let file = try file(in: "/file/folder")
    var lines: [String] = []
    try file.add(Self.plans(1...1)) { lines.append($0) }
    #expect(lines.count == 1 && lines[0].contains("are not kept") && !lines[0].contains("\n"))
    #expect(file.read(warn: Self.silent).isEmpty)
    #expect(try PlanFile(in: nil, PlanFile.Machine(threads: 1)) == nil)
  }
}
