import CHDF5
import Glibc

/// Building files on the disk, however large: they never lie in memory.
extension HDF5File {
  /// Builds a file at `path` that takes the place of what was there once `body` is through and all is on the disk. When
  /// `body` throws, the disk fills up or a signal ends the process, what was there stays and nothing else is left.
  ///
  /// Attributes with text come last, in `sealingText`. The same contents give the same bytes.
  /// - Returns: what `body` returns, and the size of the file in bytes.
  /// - Throws: `FileError` where the file can't be written, and what `body` throws.
  @discardableResult
  public static func create<Value>(
    at path: String, _ body: (HDF5File) throws -> Value
  ) throws -> (value: Value, byteCount: Int) {
    try create(at: path, writing: pwrite, body)
  }

  /// The same by another `pwrite`, so that tests can let each of them fail.
  @discardableResult
  static func create<Value>(
    at path: String, writing: @escaping @convention(c) (Int32, UnsafeRawPointer?, Int, off_t) -> Int,
    _ body: (HDF5File) throws -> Value
  ) throws -> (value: Value, byteCount: Int) {
    var result: (value: Value, byteCount: Int)?
    try AtomicFile.write(to: path) { descriptor in
      let target = try WriteTarget(descriptor, path: path)
      target.pointer.pointee.write = writing
      let file = try HDF5File.writing(to: target, name: path)
      let value: Value
      do {
        value = try body(file)
      } catch {
        // The descriptor is another file's soon.
        target.abandon()
        try? file.close()
        throw error
      }
      do { try file.close() } catch {
        target.abandon()
        throw error
      }
      result = (value, Int(lseek(descriptor, 0, SEEK_END)))
    }
    guard let result else { throw FileError(.inputOutput, path: path, "was not written") }
    return result
  }
}

/// A descriptor that libhdf5 writes to, and what came of it.
final class WriteTarget: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<h5_target>

  init(_ descriptor: Int32, path: String) throws {
    guard let target = h5_new_target(descriptor) else { throw FileError.writing(path, "preparing", code: ENOMEM) }
    pointer = target
  }

  deinit { h5_free_target(pointer) }

  /// Throws the error of the first write that failed.
  func check(_ path: String) throws {
    let code = pointer.pointee.code
    if code != 0 { throw FileError.writing(path, "writing", code: code) }
  }

  /// Some of what was written.
  func bytes(_ range: Range<Int>, _ path: String) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: range.count) { buffer, filled in
      while filled < range.count {
        let place = off_t(range.lowerBound + filled)
        let got = pread(pointer.pointee.descriptor, buffer.baseAddress.map { $0 + filled }, range.count - filled, place)
        if got > 0 {
          filled += got
        } else if got == 0 || errno != EINTR {
          throw FileError(.inputOutput, path: path, "reading it again failed: \(systemMessage(got == 0 ? EIO : errno))")
        }
      }
    }
  }

  /// Nothing is written any more.
  func abandon() { if pointer.pointee.code == 0 { pointer.pointee.code = ECANCELED } }

  /// The heaps that were written since they are watched, in the order of their places.
  var heaps: [Range<Int>] {
    var sizes: [Int: Int] = [:]
    for heap in UnsafeBufferPointer(start: pointer.pointee.heaps, count: pointer.pointee.heap_count) {
      sizes[Int(clamping: heap.address)] = heap.size
    }
    return sizes.sorted { $0.key < $1.key }.map { $0.key..<$0.key + $0.value }
  }
}
