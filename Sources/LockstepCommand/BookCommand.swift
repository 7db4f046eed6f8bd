import ArgumentParser
import Book
import Foundation
import HDF5Files
import Lockstep

struct BookCommand: SoloCommand {
  static let configuration = CommandConfiguration(
    commandName: "book", abstract: "Reruns the book's chapters and compares with the notes' results.")

  @Argument(
    help: "Names of chapters, or all; without any they are listed.",
    completion: .list(["all"] + Book.chapters.map(\.name))) var chapters: [String] = []
  @Flag(help: "Lists the chapters.") var list = false
  @Flag(help: "Cuts long trainings short.") var quick = false
  @Option(help: "A folder for the chapters' pictures.", completion: .directory) var pictures: String?

  func run() throws {
    let names = Book.chapters.map(\.name)
    if list || chapters.isEmpty {
      for chapter in Book.chapters { print(Table.row(chapter.name, chapter.title)) }
      return
    }
    let wanted = try (chapters == ["all"] ? names : chapters).map { name in
      guard let chapter = Book.chapter(name) else {
        throw ConfigurationError(
          "There is no chapter '\(name)'. Did you mean '\(Registry.nearest(to: name, in: names))'?")
      }
      return chapter
    }
    var faults: [String] = []
    for chapter in wanted {
      Console.show("== \(chapter.name): \(chapter.title)")
      // Each of a chapter's trainings has a time of its own.
      var line = WorkLine(chapter.name)
      let page = Page(isQuick: quick, pictures: pictures) { share in
        if share == 0 { line = WorkLine(chapter.name) }
        line.draw(share)
      } write: {
        Console.show($0)
      }
      let start = monotonicSeconds()
      try chapter.run(on: page)
      Console.show("   \(String(format: "%.1f", monotonicSeconds() - start)) s")
      faults += page.faults.map { "\(chapter.name): \($0)" }
    }
    guard faults.isEmpty else { throw BookError(faults: faults) }
    print("\(wanted.count) chapters, every result as in the notes")
  }
}

/// Results that are not the notes'.
private struct BookError: Failure {
  let faults: [String]
  var kind: FailureKind { .internalError }
  var description: String { "\(faults.count) results are off: \(faults.joined(separator: "; "))" }
}
