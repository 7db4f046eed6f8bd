import Foundation
import Lockstep
import Testing

@testable import LockstepCommand
@testable import TestSupport

/// What `evaluate`, `compare` and `report` make of answers and metrics.
@Suite struct ReportTests {
  /// Three classes, the third of which no sample has.
  private let answers = ClassAnswers(
    [3, 1, 2, 1, 2, 0, 5, 5, 1, 0, 1, 2], 3, [0, 0, 1, 1], ["a", "b", "c"])

  @Test func topK() {
    #expect(answers.predicted == [0, 1, 0, 2] && answers.hits == 1)
    // Of equal logits the first comes first: the third sample's class is second best.
    #expect([1, 2, 3].map { answers.accuracy(top: $0) } == [0.25, 1, 1])
    // A class that the model does not know is never right.
    #expect(ClassAnswers([1, 0], 2, [3], ["a", "b", "c", "d"]).accuracy(top: 2) == 0)
    #expect(ClassAnswers([], 2, [], ["a", "b"]).accuracy(top: 1) == 0)
  }

  /// As scikit-learn's `classification_report(…, zero_division=0)` has it.
  @Test func scoresOfClasses() {
    let report = ClassReport(answers)
    #expect(report.classes.map(\.precision) == [0.5, 0, 0])
    #expect(report.classes.map(\.recall) == [0.5, 0, 0] && report.classes.map(\.f1) == [0.5, 0, 0])
    #expect(report.classes.map(\.support) == [2, 2, 0] && report.macro.support == 4)
    #expect(abs(report.macro.precision - 1 / 6) < 1e-12 && report.weighted.recall == 0.25)
    let lines = report.text.split(separator: "\n")
    #expect(lines.count == 6 && Set(lines.map(\.count)).count == 1)
    #expect(lines[1] == "a                   0.5000     0.5000     0.5000          2")
    #expect(answers.counts == [[1, 1, 0], [1, 0, 1], [0, 0, 0]])
  }

  /// The second sample misses by e⁰ of three, the third by nothing, the last by the most.
  @Test func mistakesInOrder() { #expect(answers.mistakes == [1, 3, 2]) }

  @Test(arguments: [
    ([0.3, 2.31], 0.0, 2.5, 6), ([0.71, 0.86], 0.7, 0.9, 5), ([5, 5], 2, 8, 7), ([-3, 4], -4, 4, 5),
  ]) func ticksAreRoundNumbers(_ values: [Double], _ low: Double, _ high: Double, _ count: Int) {
    let scale = Scale(values, from: 100, to: 0)
    #expect(abs(scale.low - low) < 1e-9 && abs(scale.high - high) < 1e-9, "\(scale.low) \(scale.high)")
    #expect(scale.ticks.count == count, "\(scale.ticks)")
    #expect(scale.place(scale.low) == 100 && scale.place(scale.high) == 0)
  }

  @Test func epochsAreWholeNumbers() {
    #expect(Scale([1, 10], from: 0, to: 9, isWhole: true).ticks == [2, 4, 6, 8, 10])
    #expect(Scale([1], from: 0, to: 9, isWhole: true).place(1) == 4.5)
    #expect(Scale([1, 2], from: 0, to: 9, isWhole: true).ticks == [1, 2])
  }

  @Test func figuresOfMetrics() throws {
    let folder = try TemporaryFolder()
    func epoch(_ number: Int, _ seconds: Double) -> String {
      #"{"event":"epoch","epoch":\#(number),"step":\#(number * 5),"seconds":\#(seconds),"train_loss":\#(3 - number),"#
        + #""perplexity":\#(9 - number),"test_loss":null,"tokens_per_second":10,"ranks":2,"forward_seconds":1.5}"#
    }
    // Stopped after the second epoch, and gone on with.
    let lines = [epoch(1, 2), epoch(2, 5), #"{"event":"folds"}"#, epoch(3, 2.5)]
    let path = try folder.put(Array(lines.joined(separator: "\n").utf8), "m.jsonl")
    let history = try RunHistory(path)
    #expect(history.figures.map(\.key) == ["train_loss", "perplexity"])
    #expect(history.seconds == 7.5 && history.epochs.map(\.number) == [1, 2, 3])
    #expect(history.times?.first { $0.part == "forward" }?.seconds == 4.5)
    #expect(history.times?.last?.seconds == 3)
    #expect(history.figures.byName.map(\.name) == ["loss", "perplexity"])
    for (text, word) in [("", "no epoch"), ("{", "line 1"), (lines[0] + "\nhalf", "line 2")] {
      let wrong = try folder.put(Array(text.utf8), "wrong.jsonl")
      let error = #expect(throws: InputError.self) { try RunHistory(wrong) }
      #expect("\(error.map { "\($0)" } ?? "")".contains(word))
    }
  }

  @Test func pagesAreEscaped() {
    var page = HTMLPage("a < b & \"c\"")
    page.add("<script>", HTMLPage.table(["x"], [["<b>"]]))
    page.add("nothing", "")
    #expect(
      page.html.contains("<title>a &lt; b &amp; &quot;c&quot;</title>") && page.html.contains("<td>&lt;b&gt;</td>"))
    #expect(page.html.contains("<h2>&lt;script&gt;</h2>") && !page.html.contains("nothing"))
    #expect(HTMLPage.heat([[0.2, 0.9]], [["1", "9"]], rows: ["r"], columns: ["a", "b"]).contains("class=\"full\""))
  }
}
