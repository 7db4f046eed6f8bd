import Foundation
import Lockstep

/// Where a chapter writes its results, each next to the notes'. Remembers what is off.
public final class Page {
  /// Whether long trainings are cut short; results that need them are then not compared.
  public let isQuick: Bool
  /// Where pictures go; nil for none.
  public let pictures: String?
  public private(set) var faults: [String] = []
  private let write: (String) -> Void

  public init(isQuick: Bool, pictures: String?, write: @escaping (String) -> Void) {
    (self.isQuick, self.pictures, self.write) = (isQuick, pictures, write)
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

  /// Numbers next to the notes' ones, element by element.
  func compare(_ what: String, _ found: Tensor, notes: [Double], within tolerance: Double = 1e-5) throws {
    let values = try found.values(as: Double.self)
    let isRight = values.count == notes.count && zip(values, notes).allSatisfy { abs($0 - $1) <= tolerance }
    judge(what, isRight, "\(values.map(Self.text)), the notes' \(notes.map(Self.text))")
  }

  /// A statement that must hold.
  func expect(_ what: String, _ isRight: Bool, _ detail: @autoclosure () -> String = "") {
    judge(what, isRight, detail())
  }

  /// Draws a picture, lines of a gnuplot script, where pictures are wanted.
  func draw(_ name: String, _ lines: @autoclosure () -> [String]) throws {
    guard let pictures else { return }
    let path = "\(pictures)/\(name).svg"
    try Gnuplot.draw(lines(), to: path)
    show("  picture: \(path)")
  }

  private func judge(_ what: String, _ isRight: Bool, _ detail: String) {
    show("  \(isRight ? "ok " : "OFF") \(what)\(detail.isEmpty ? "" : ": " + detail)")
    if !isRight { faults.append("\(what): \(detail)") }
  }

  private static func text(_ value: Double) -> String { String(format: "%.6g", value) }
}
