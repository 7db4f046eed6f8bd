import Foundation
import Testing

@testable import TestSupport

/// What the articles and the sources' documentation comments show as Swift stands, line by line, in a file of the tests: so
/// it compiles and runs. Whole programs are built and run by `Tests/Commands/own_tool.py`.
@Suite struct DocumentationTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// The articles, as paths below the repository.
  static let pages: [String] = {
    let articles = "Sources/Lockstep/Lockstep.docc"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent(articles).path)) ?? []
    return names.filter { $0.hasSuffix(".md") }.sorted().map { "\(articles)/\($0)" }
  }()

  /// The sources whose documentation comments have examples.
  static let sources: [String] = {
    let paths = FileManager.default.enumerator(atPath: root.appendingPathComponent("Sources").path)
    return (paths?.compactMap { $0 as? String } ?? []).filter { $0.hasSuffix(".swift") }.sorted()
      .map { "Sources/\($0)" }
      .filter { path in (try? text(of: path).contains("/// ```swift")) == true }
  }()

  private static func text(of path: String) throws -> String {
    try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
  }

  /// All lines of the tests' sources, file by file, without their indentation.
  private static let tests: [String] = {
    let folder = root.appendingPathComponent("Tests")
    let paths = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
    return paths.filter { $0.hasSuffix(".swift") }.compactMap { path in
      (try? String(contentsOf: folder.appendingPathComponent(path), encoding: .utf8)).map(trimmed)
    }
  }()

  /// A text whose lines have neither indentation nor gaps between them.
  private static func trimmed(_ text: String) -> String {
    let lines = text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    return "\n" + lines.joined(separator: "\n") + "\n"
  }

  /// The fenced blocks of Swift of a text.
  private func examples(of text: String) -> [String] {
    text.components(separatedBy: "```swift\n").dropFirst().compactMap { $0.components(separatedBy: "\n```").first }
  }

  private func expectTested(_ example: String, of place: String) {
    // Imports stand at the top of the tests' own files.
    let lines = example.split(separator: "\n").filter { !$0.hasPrefix("import ") }.joined(separator: "\n")
    let isThere = Self.tests.contains { $0.contains(Self.trimmed(lines)) }
    #expect(isThere, "no test holds this example of \(place):\n\(example)")
  }

  @Test func pagesAreFound() { #expect(Self.pages.count >= 6 && Self.sources.count >= 5) }

  @Test(arguments: pages) func examplesAreCompiled(_ page: String) throws {
    // Whole programs, which are no part of another one, have an article of their own.
    guard !page.hasSuffix("/YourOwnProgram.md") else { return }
    for example in examples(of: try Self.text(of: page)) { expectTested(example, of: page) }
  }

  @Test(arguments: sources) func examplesOfCommentsAreCompiled(_ source: String) throws {
    let comments = try Self.text(of: source).split(separator: "\n", omittingEmptySubsequences: false)
      .map { $0.trimmingCharacters(in: .whitespaces) }.filter { $0.hasPrefix("///") }
      .map { $0.dropFirst($0.hasPrefix("/// ") ? 4 : 3) }.joined(separator: "\n")
    // A whole program is no part of another one: that of `LockstepTool` has the form of the README's.
    for example in examples(of: comments) where !example.contains("@main") { expectTested(example, of: source) }
  }
}
