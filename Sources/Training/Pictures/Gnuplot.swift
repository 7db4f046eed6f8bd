import Foundation
import HDF5Files

/// Draws pictures with gnuplot, as SVG or PNG by the file's name.
public enum Gnuplot {
  private static let executable = tool("gnuplot")

  /// Where a program lies.
  static func tool(_ name: String) -> String? {
    (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":").map { "\($0)/\(name)" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// Checks that a picture can be made at `path`, before any work is done.
  public static func check(_ path: String) throws {
    guard path.hasSuffix(".svg") || path.hasSuffix(".png") else {
      throw ConfigurationError("plot is \(path), but must end in .svg or .png")
    }
    try AtomicFile.check(path, as: .other)
    guard executable != nil else {
      throw FileError(.missing, path: "gnuplot", "is not installed; apt-get install gnuplot-nox brings it")
    }
  }

  /// Runs a script, its lines without the terminal, and replaces the file at `path` by the picture as a whole.
  public static func draw(_ lines: [String], to path: String, size: (width: Int, height: Int)? = nil) throws {
    try check(path)
    guard let executable else { return }
    let terminal =
      path.hasSuffix(".svg")
      ? "svg size \(size?.width ?? 640),\(size?.height ?? 420) background 'white'"
      : "pngcairo size \(size?.width ?? 960),\(size?.height ?? 630)"
    let process = Process()
    let (input, output) = (Pipe(), Pipe())
    process.executableURL = URL(fileURLWithPath: executable)
    (process.standardInput, process.standardOutput) = (input, output)
    process.standardError = FileHandle.nullDevice
    try process.run()
    var script = (["set terminal \(terminal)"] + lines).joined(separator: "\n") + "\n"
    // An SVG is drawn with its reader's fonts.
    if path.hasSuffix(".png") { script = PictureFonts.drawable(script) }
    // Should gnuplot end early, its exit status says so.
    signal(SIGPIPE, SIG_IGN)
    try? input.fileHandleForWriting.write(contentsOf: Foundation.Data(script.utf8))
    try input.fileHandleForWriting.close()
    let picture = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0, !picture.isEmpty else {
      throw FileError(.notWritable, path: path, "gnuplot could not draw it")
    }
    try AtomicFile.write([UInt8](picture), to: path)
  }

  /// Text for single quotes of a script, cut to `most` characters.
  public static func quoted(_ text: some StringProtocol, most: Int) -> String {
    let line = text.map { $0.isNewline ? " " : $0 == "'" ? "''" : String($0) }
    return (line.count > most ? line.prefix(most - 1) + ["…"] : line[...]).joined()
  }

  /// A data block of the script, for curves of `(x, y)`.
  public static func block(_ name: String, _ points: [(Double, Double)]) -> [String] {
    ["$\(name) << END"] + points.map { "\($0.0) \($0.1)" } + ["END"]
  }
}
