import Foundation
import Testing

@testable import TestSupport

/// What the articles show as Swift stands, line by line, in a file of the tests: so it compiles and runs.
@Suite struct DocumentationTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// The articles, as paths below the repository.
  static let pages: [String] = {
    let articles = "Sources/Lockstep/Lockstep.docc"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent(articles).path)) ?? []
    return names.filter { $0.hasSuffix(".md") }.sorted().map { "\(articles)/\($0)" }
  }()

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

  /// The fenced blocks of Swift of a page, without manifests.
  private func examples(of page: String) throws -> [String] {
    let text = try String(contentsOf: Self.root.appendingPathComponent(page), encoding: .utf8)
    return text.components(separatedBy: "```swift\n").dropFirst().compactMap {
      $0.components(separatedBy: "\n```").first
    }
    .filter { !$0.hasPrefix("// swift-tools-version") }
  }

  @Test func pagesAreFound() { #expect(Self.pages.count >= 6) }

  @Test(arguments: pages) func examplesAreCompiled(_ page: String) throws {
    for example in try examples(of: page) {
      // Imports stand at the top of the tests' own files.
      let lines = example.split(separator: "\n").filter { !$0.hasPrefix("import ") }.joined(separator: "\n")
      #expect(
        Self.tests.contains { $0.contains(Self.trimmed(lines)) }, "no test holds this example of \(page):\n\(example)")
    }
  }
}
