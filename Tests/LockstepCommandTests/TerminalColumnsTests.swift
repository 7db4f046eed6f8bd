import Testing

@testable import LockstepCommand

struct TerminalColumnsTests {
  @Test func wideSignsTakeTwoColumns() {
    #expect(["", "coat", "été", "外套", "T恤", "한글", "ｶ", "🙂", "русский"].map(\.columns) == [0, 4, 3, 4, 3, 4, 1, 2, 7])
    #expect("外套".left(6) == "外套  " && "外套".right(6) == "  外套" && "连衣裙".left(2) == "连衣裙")
    #expect("连衣裙".cut(5) == "连衣" && "a连".cut(2) == "a" && "coat".cut(24) == "coat")
  }

  @Test func tablesStandInColumns() {
    let answers = ClassAnswers([1, 0, 0, 1], 2, [0, 1], ["外套", "coat"])
    let lines = ConfusionTable(answers).text.split(separator: "\n").map { String($0).columns }
    #expect(Set(lines).count == 1 && lines.count == 3)
    let rows = ClassReport(answers).text.split(separator: "\n").map { String($0).columns }
    #expect(Set(rows).count == 1 && rows.count == 5)
  }
}
