import HDF5Files

/// Reads all of a data set's file and holds it against the checksums and digests that are in it.
public struct Verification {
  private let file: HDF5File
  private let progress: (Double) -> Void
  /// Bytes that are read of all arrays.
  private let total: Double

  /// Opens the file at `path`; `progress` is told which share of it is read.
  public init(_ path: String, progress: @escaping (Double) -> Void = { _ in }) throws {
    (file, self.progress) = (try HDF5File.open(path), progress)
    try file.verifyText()
    total = Double(max(try InputFile(path).byteCount, 1))
  }

  /// Everything, a split at a time; `report` is given a line for each.
  /// - Throws: `InputError` for what is not as its checksums or digests say: which array, chunk and samples.
  public func run(report: (String) -> Void) throws {
    var done = 0.0
    let names = try file.names(in: "/")
    for name in names where try file.isGroup("/\(name)") {
      let arrays = try file.names(in: "/\(name)").filter { try file.isDataset("/\(name)/\($0)") }
      if arrays.isEmpty { continue }
      var (chunks, digests) = (0, [String: ChunkDigests]())
      for array in arrays {
        digests[array] = try ChunkDigests.read(file, name, array)
        chunks += try verify("/\(name)/\(array)", digests[array]) { progress((done + $0) / total) }
        done += Double(try file.storedBytes(of: "/\(name)/\(array)"))
      }
      let isRooted = try verifyRoot(name, digests)
      let note = digests.isEmpty ? "; there are no digests" : isRooted ? " and digests" : " and chunks' digests"
      report("/\(name): \(arrays.joined(separator: ", ")): \(chunks) chunks are as their checksums\(note)")
    }
    let others = try names.filter { try file.isDataset("/\($0)") }
    for other in others { _ = try verify("/\(other)", nil) { _ in } }
    if !others.isEmpty { report("/: \(others.joined(separator: ", ")): as their checksums") }
  }

  /// Reads an array; how many chunks it has.
  private func verify(_ object: String, _ digests: ChunkDigests?, _ note: (Double) -> Void) throws -> Int {
    let type = try file.elementType(of: object)
    guard type.isNumber else {
      if type == .byteLists, digests?.rows ?? 1 == 1 { return try verifyImages(object, note) }
      guard type == .string else { throw InputError(file.path, "\(object): holds \(type), which can't be verified") }
      _ = try file.readStrings(object)
      return try chunkCount(object)
    }
    switch digests?.type ?? type {
    case .int8: return try verify(object, digests, as: Int8.self, note)
    case .int16: return try verify(object, digests, as: Int16.self, note)
    case .int32: return try verify(object, digests, as: Int32.self, note)
    case .int64: return try verify(object, digests, as: Int64.self, note)
    case .uint8: return try verify(object, digests, as: UInt8.self, note)
    case .uint16: return try verify(object, digests, as: UInt16.self, note)
    case .uint32: return try verify(object, digests, as: UInt32.self, note)
    case .uint64: return try verify(object, digests, as: UInt64.self, note)
    case .float32: return try verify(object, digests, as: Float.self, note)
    default: return try verify(object, digests, as: Double.self, note)
    }
  }

  /// Decodes all images that lie in the file as JPEG files.
  private func verifyImages(_ object: String, _ note: (Double) -> Void) throws -> Int {
    let split = object.split(separator: "/").dropLast().joined(separator: "/")
    guard try StoredImages.areEncoded(file, split) else {
      throw InputError(file.path, "\(object): holds lists of bytes, which can't be verified")
    }
    let images = try StoredImages(file, split)
    let stored = Double(try file.storedBytes(of: object))
    for start in stride(from: 0, to: images.count, by: Self.imagesAtOnce) {
      let samples = start..<min(start + Self.imagesAtOnce, images.count)
      try images.forEachBlock(of: samples) { _ in }
      note(stored * Double(samples.upperBound) / Double(images.count))
    }
    return try chunkCount(object)
  }

  private static let imagesAtOnce = 1024

  private func chunkCount(_ object: String) throws -> Int {
    guard let chunk = try file.chunk(of: object) else { return 1 }
    return zip(try file.shape(of: object), chunk).reduce(1) { $0 * (($1.0 + $1.1 - 1) / max($1.1, 1)) }
  }

  private func verify<T: HDF5Element>(
    _ object: String, _ digests: ChunkDigests?, as type: T.Type, _ note: (Double) -> Void
  ) throws -> Int {
    let array = try file.rows(of: object)
    guard !array.shape.isEmpty else {
      _ = try file.read(object, as: type)
      return 1
    }
    let (count, width) = (array.rowCount, array.numbersPerRow)
    let room = max(HDF5File.chunkBytes / max(width * MemoryLayout<T>.stride, 1), 1)
    let step = digests?.rows ?? array.chunk?.first ?? room
    let stored = Double(try file.storedBytes(of: object))
    for (index, start) in stride(from: 0, to: count, by: step).enumerated() {
      let rows = start..<min(start + step, count)
      let place = "\(object): chunk \(index), samples \(rows.lowerBound)…\(rows.upperBound - 1)"
      // A chunk of a file that was made elsewhere may be all of it.
      let numbers = try [T](unsafeUninitializedCapacity: rows.count * width) { buffer, filled in
        let target = UnsafeMutableBufferPointer(rebasing: buffer[..<(rows.count * width)])
        do { try array.read(rows, into: target) } catch let error as HDF5Error {
          throw InputError(file.path, "\(place): \(error.what)")
        }
        filled = target.count
      }
      if let digests, numbers.withUnsafeBytes(ChunkDigests.value) != digests.values[index] {
        throw InputError(file.path, "\(place): differ from their digest")
      }
      note(stored * Double(rows.upperBound) / Double(count))
    }
    return try chunkCount(object)
  }

  /// Whether the split has a digest of which it is known how it comes of its chunks'.
  /// - Throws: `InputError` where it does not.
  private func verifyRoot(_ split: String, _ digests: [String: ChunkDigests]) throws -> Bool {
    guard case .string(let said)? = try file.attribute("digest", of: "/\(split)") else { return false }
    if let files = digests[EncodedImages.array] {
      let images = try EncodedImages(file, split)
      let labels = digests["labels"].map { $0.combined(rowBytes: MemoryLayout<Int32>.stride, count: images.count) }
      let zeros = Checksum.ofZeros(images.count * MemoryLayout<Int32>.stride)
      try compare(
        images.digest(images: EncodedImages.checksum(of: files), labels: labels ?? zeros), with: said, split)
      return true
    }
    guard let images = digests["images"], images.type == .uint8 else { return false }
    let shape = try file.shape(of: "/\(split)/images")
    guard shape.count == 4 else { return false }
    let labels =
      digests["labels"]?.combined(rowBytes: MemoryLayout<Int32>.stride, count: shape[0])
      ?? Checksum.ofZeros(shape[0] * MemoryLayout<Int32>.stride)
    let pixels = images.combined(rowBytes: shape.dropFirst().reduce(1, *), count: shape[0])
    let found = ImageSplit.digest(count: shape[0], shape[1], shape[2], shape[3], pixels: pixels, labels: labels)
    try compare(found, with: said, split)
    return true
  }

  private func compare(_ found: String, with said: String, _ split: String) throws {
    guard found == said else {
      throw InputError(file.path, "/\(split): its digest \(said) does not come of those of its chunks, but \(found)")
    }
  }
}
