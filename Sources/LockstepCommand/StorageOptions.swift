import ArgumentParser
import Lockstep

extension ArrayStorage.Compression: ExpressibleByArgument {}

/// How converted arrays are kept.
struct StorageOptions: ParsableArguments {
  @Option(parsing: .unconditional, help: "Rows of a chunk; by default so many that it has a quarter of a megabyte.")
  var chunk: Int?
  @Option(help: "none, or gzip: smaller files that take longer to read.") var compression = ArrayStorage.Compression
    .none

  func validate() throws {
    if let chunk, chunk < 1 { throw ValidationError("--chunk is \(chunk), but must be at least 1") }
  }

  var storage: ArrayStorage {
    var storage = ArrayStorage()
    (storage.chunkRows, storage.compression) = (chunk, compression)
    return storage
  }
}

/// The live line of a conversion: how much of it is done, and how long the rest takes.
struct ConversionLine {
  private let line: TerminalLine
  private let name: String
  private let start = monotonicSeconds()

  init(_ name: String, isShown: Bool = isShownOnTerminal) {
    (self.name, line) = (name, TerminalLine(isShown: isShown))
  }

  func draw(_ share: Double) {
    line.draw {
      let left = share > 0 ? (monotonicSeconds() - start) / share * max(1 - share, 0) : .infinity
      let bar = TerminalLine.bar(share)
      return "\(name) \(bar) \(Int(min(share, 1) * 100)) %, \(ProgressPrinter.clock(left)) left"
    }
  }

  func clear() { line.clear() }
}
