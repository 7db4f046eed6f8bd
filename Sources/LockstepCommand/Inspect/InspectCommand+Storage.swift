import HDF5Files
import Lockstep

/// How a data set's arrays lie in its file.
extension InspectCommand {
  /// A line for each array, and warnings of those that are slow to read.
  func showArrays() throws {
    let opened = try HDF5File.open(file)
    for group in try opened.names(in: "/") where try opened.isGroup("/\(group)") {
      for name in try opened.names(in: "/\(group)") where try opened.isDataset("/\(group)/\(name)") {
        let path = "/\(group)/\(name)"
        let (type, shape) = (try opened.elementType(of: path), try opened.shape(of: path))
        print("\(path): \(type) \(shape), \(try opened.storage(of: path))")
        if let chunk = try opened.chunk(of: path) { warn(path, shape, chunk, type.byteCount ?? 1) }
      }
    }
  }

  /// Chunks of fewer bytes cost more to find than to read.
  private static let leastChunkBytes = 16 << 10
  /// Larger ones take memory that a window of samples should have.
  private static let mostChunkBytes = 32 << 20

  private func warn(_ path: String, _ shape: [Int], _ chunk: [Int], _ elementBytes: Int) {
    let bytes = chunk.reduce(Double(elementBytes)) { $0 * Double($1) }
    let remedy = "slow to read in random order; h5repack -l, or converting anew, gives others"
    if !chunk.dropFirst().elementsEqual(shape.dropFirst()) {
      Console.warn("\(path) has chunks of parts of rows: \(remedy)")
    } else if chunk[0] == 1, shape[0] > 1, bytes < Double(Self.leastChunkBytes) {
      Console.warn("\(path) has chunks of one row, \(Int(bytes)) bytes: \(remedy)")
    } else if bytes > Double(Self.mostChunkBytes) {
      let extent = chunk[0] >= shape[0] ? "is one chunk" : "has chunks"
      Console.warn("\(path) \(extent) of \(Int(bytes / 1e6)) MB: \(remedy)")
    }
  }

  /// Reads everything and holds it against its checksums and digests.
  func verifyAll() throws {
    let line = WorkLine("verifying")
    defer { line.clear() }
    try Verification(file) { line.draw($0) }.run { Console.show($0) }
  }
}
