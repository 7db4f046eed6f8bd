import Tensors
import Testing

/// What `body` throws, in one line; nil when it throws nothing.
func message(of body: () throws -> Void) -> String? {
  do {
    try body()
    return nil
  } catch {
    return "\(error)"
  }
}

/// Something that can't be done, with the words that its error must have.
struct Mistake: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let words: [String]
  let body: @Sendable () throws -> Any

  init(_ name: String, _ words: String..., body: @escaping @Sendable () throws -> Any) {
    (testDescription, self.words, self.body) = (name, words, body)
  }

  /// Expects an error of one line that has the words, from the body or from a look at the tensor that it makes.
  func check() {
    let error = #expect(throws: (any Error).self) {
      if let tensor = try body() as? Tensor { _ = try tensor.values(as: Double.self) }
    }
    let text = error.map { "\($0)" } ?? ""
    #expect(!text.contains("\n"))
    for word in words { #expect(text.contains(word), "\(text)") }
  }
}

/// Tensors of ones, for mistakes.
func ones(_ extents: Int..., type: DType = .float32) -> Tensor { .ones(Shape(extents), type) }
