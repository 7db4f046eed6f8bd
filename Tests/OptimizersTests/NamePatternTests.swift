import Optimizers
import Testing

@Suite("Patterns of parameters' names")
struct NamePatternTests {
  static let cases: [(String, String, Bool)] = [
    ("head", "head.weight", true), ("head", "head", true), ("head", "header.weight", false),
    ("head", "model.head.weight", false), ("*.head", "model.head.weight", true), ("*", "0.weight", true),
    ("*.bias", "decoder.rnn.bias", true), ("*.bias", "decoder.bias_hh_l0", false),
    ("*bias*", "decoder.bias_hh_l0", true), ("decoder.*", "decoder.rnn.weight_ih_l0", true),
    ("decoder", "decoder.rnn.weight_ih_l0", true),
    ("block?.0", "block1.0.weight", true), ("block?.0", "block12.0.weight", false), ("", "weight", false),
    ("a*b*c", "aXbXbXc", true), ("a*b*c", "aXbXbX", false), ("**", "x", true), ("*.weight", "weight", false),
    ("größe.*", "größe.weight", true),
  ]

  @Test(arguments: cases) func matches(_ pattern: String, _ name: String, _ isMatch: Bool) {
    #expect(NamePattern(pattern).matches(name) == isMatch, "\(pattern) and \(name)")
  }

  /// A long name against many stars takes no time.
  @Test func backtracksLittle() {
    let pattern = NamePattern(String(repeating: "*a", count: 200) + "b")
    #expect(!pattern.matches(String(repeating: "a", count: 5000)))
  }
}
