import Foundation
import Lockstep

/// Where a chapter writes its results, each next to the notes'. Remembers what is off.
///
/// A chapter is read for what it computes, so asking the page for a tensor's numbers needs no `try`: a tensor that carries a
/// fault, or a picture that can't be drawn, is off at once, and the chapter ends with that error.
public final class Page {
  /// Whether long trainings are cut short; results that need them are then not compared.
  public let isQuick: Bool
  /// Where pictures go; nil for none.
  public let pictures: String?
  /// What was off so far, a line each.
  public private(set) var faults: [String] = []
  private var failure: (any Error)?
  private let write: (String) -> Void
  /// Is told which share of a training is done; 0 where one begins.
  let progress: (Double) -> Void

  /// An empty page; `write` takes each line, and `progress` is told the share of a training that is done, 0 where one begins.
  public init(
    isQuick: Bool, pictures: String?, progress: @escaping (Double) -> Void = { _ in }, write: @escaping (String) -> Void
  ) {
    (self.isQuick, self.pictures, self.progress, self.write) = (isQuick, pictures, progress, write)
  }

  /// A folder for a chapter's files, removed with the page.
  private(set) lazy var workFolder: String = {
    let path = NSTemporaryDirectory() + "lockstep-book-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    hasWorkFolder = true
    return path
  }()
  private var hasWorkFolder = false

  deinit { if hasWorkFolder { try? FileManager.default.removeItem(atPath: workFolder) } }

  func show(_ text: String) { write(text) }

  /// A number next to the notes' one; off when they differ by more than `tolerance`.
  func compare(_ what: String, _ found: Double, notes: Double, within tolerance: Double) {
    judge(what, abs(found - notes) <= tolerance, "\(Self.text(found)), the notes' \(Self.text(notes))")
  }

  /// A tensor of one element next to the notes' number.
  func compare(_ what: String, _ found: Tensor, notes: Double, within tolerance: Double) {
    compare(what, number(found), notes: notes, within: tolerance)
  }

  /// Numbers next to the notes' ones, element by element.
  func compare(_ what: String, _ found: Tensor, notes: [Double], within tolerance: Double = 1e-5) {
    let values = numbers(found)
    let isRight = values.count == notes.count && zip(values, notes).allSatisfy { abs($0 - $1) <= tolerance }
    judge(what, isRight, "\(values.map(Self.text)), the notes' \(notes.map(Self.text))")
  }

  /// The only element of a tensor, no number where there is none to be had.
  func number(_ tensor: Tensor) -> Double { attempt { try tensor.item() } ?? .nan }

  /// The elements of a tensor, none where there are none to be had.
  func numbers(_ tensor: Tensor) -> [Double] { attempt { try tensor.values(as: Double.self) } ?? [] }

  /// The numbers of tokens.
  func tokens(_ tensor: Tensor) -> [Int] { numbers(tensor).map { Int($0) } }

  /// What `body` makes; nil where it throws, which the chapter then ends with.
  @discardableResult
  func attempt<Result>(_ body: () throws -> Result) -> Result? {
    do {
      return try body()
    } catch {
      judge("\(error)", false, "")
      failure = failure ?? error
      return nil
    }
  }

  var hasFailed: Bool { failure != nil }

  /// Throws the first error of what was asked for on this page.
  func finish() throws { if let failure { throw failure } }

  /// A statement that must hold.
  func expect(_ what: String, _ isRight: Bool, _ detail: @autoclosure () -> String = "") {
    judge(what, isRight, detail())
  }

  /// Draws a picture, lines of a gnuplot script, where pictures are wanted.
  func draw(_ name: String, _ lines: @autoclosure () -> [String], size: (width: Int, height: Int)? = nil) {
    guard let pictures else { return }
    let path = "\(pictures)/\(name).svg"
    if attempt({ try Gnuplot.draw(lines(), to: path, size: size) }) != nil { show("  picture: \(path)") }
  }

  private func judge(_ what: String, _ isRight: Bool, _ detail: String) {
    show("  \(isRight ? "ok " : "OFF") \(what)\(detail.isEmpty ? "" : ": " + detail)")
    if !isRight { faults.append("\(what): \(detail)") }
  }

  private static func text(_ value: Double) -> String { String(format: "%.6g", value) }
}
