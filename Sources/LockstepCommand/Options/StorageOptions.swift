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
