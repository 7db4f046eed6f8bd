import CHDF5
import Glibc

/// An HDF5 file: opened for reading from the disk, or built: on the disk with `create(at:)`, where it appears once it is
/// whole, or in memory with `inMemory()`, whose `image()` are its bytes.
///
/// Safe to use from several threads; their calls take turns, as libhdf5 itself is not thread-safe.
public final class HDF5File: @unchecked Sendable {
  /// Where the file lies, or what stands for it in messages when it exists in memory only.
  public let path: String
  /// What to do where libhdf5 dies of the file; follows the line that says so.
  private let advice: String
  /// Whether the file is being built, or else read.
  let isWritable: Bool
  /// The file as it lies there.
  private let raw: RawFile
  /// What a file is written to that is built on the disk.
  let target: WriteTarget?
  /// Whether attributes with text can be set no more. Guarded by the library's lock.
  var isSealed = false
  /// Negative once closed. Guarded by the library's lock.
  private var id: hid_t

  /// A file to read.
  private init(id: hid_t, path: String, advice: String, _ raw: RawFile) {
    (self.id, self.path, self.advice, self.raw) = (id, path, advice, raw)
    (isWritable, target) = (false, nil)
  }

  /// A file to build, in memory without a target.
  private init(newWithID id: hid_t, path: String, target: WriteTarget? = nil) {
    (self.id, self.path, advice, isWritable, self.target) = (id, path, "", true, target)
    raw = .new
  }

  /// Bytes in the file; what a dataset declares is held against it. Meaningful only for files that are read.
  var byteCount: Int { raw.byteCount }
  /// Bytes of the file as they lie there.
  func rawBytes(_ offset: Int, _ count: Int) throws -> [UInt8] { try raw.bytes(at: offset, count: count) }
  /// Whether someone else has written to it since it was opened.
  var hasChanged: Bool { raw.hasChanged }

  deinit {
    HDF5Library.locked { if id >= 0 { _ = H5Fclose(id) } }
  }

  /// Opens the file at `path` for reading.
  /// - Throws: `HDF5Error`: `.missing`, `.unreadable`, `.notHDF5`, or `.damaged` for one that is truncated.
  public static func open(_ path: String) throws -> HDF5File {
    let file: InputFile
    do {
      file = try InputFile(path)
    } catch let error as FileError {
      throw HDF5Error(error.reason == .missing ? .missing : .unreadable, path: path, error.what)
    }
    let start = try file.bytes(at: 0, count: signature.count)
    guard start == signature else { throw HDF5Error(.notHDF5, path: path, "is no HDF5 file") }
    return try open(path, as: path, "", .disk(file))
  }

  /// Opens the bytes of an HDF5 file for reading. `name` stands for the file in messages; `advice` follows where libhdf5
  /// dies of them and this process with it, as no error can be thrown then.
  public static func open(image: [UInt8], name: String = "HDF5 image", advice: String = "") throws -> HDF5File {
    guard image.starts(with: signature) else { throw HDF5Error(.notHDF5, path: name, "is no HDF5 file") }
    let descriptor = h5_memory_file()
    // libhdf5 opens it for itself, by the name that it has among this process's descriptors.
    defer { if descriptor >= 0 { Glibc.close(descriptor) } }
    do {
      guard descriptor >= 0 else { throw FileError.writing(name, "a file in memory", code: errno) }
      try image.withUnsafeBytes { try AtomicFile.write(all: $0, to: descriptor, path: name) }
    } catch let error as FileError { throw HDF5Error(.library, path: name, error.what) }
    return try open("/proc/self/fd/\(descriptor)", as: name, advice, .memory(image))
  }

  private static func open(_ path: String, as name: String, _ advice: String, _ raw: RawFile) throws -> HDF5File {
    try HDF5Session.run(path: name, object: nil, failure: .damaged) { session in
      let access = try HDF5Library.readingAccess(session)
      let id = try LibraryFault.reported(name, advice) {
        try session.check(H5Fopen(path, h5_read_only(), access), "opening")
      }
      return HDF5File(id: id, path: name, advice: advice, raw)
    }
  }

  /// A new, empty file that exists in memory only. `name` stands for the file in messages.
  ///
  /// The format is that of HDF5 1.10, which guards everything but raw data with checksums, and holds no times: the
  /// same contents give the same bytes.
  public static func inMemory(name: String = "new HDF5 file") throws -> HDF5File {
    try HDF5Session.run(path: name, object: nil, failure: .library) { session in
      HDF5File(newWithID: try create(coreAccess(session), session), path: name)
    }
  }

  /// A new, empty file that is written to `target`.
  static func writing(to target: WriteTarget, name: String) throws -> HDF5File {
    try HDF5Session.run(path: name, object: nil, failure: .library) { session in
      let id = try create(HDF5Library.writingAccess(target.pointer, session), session)
      return HDF5File(newWithID: id, path: name, target: target)
    }
  }

  private static func create(_ access: hid_t, _ session: HDF5Session) throws -> hid_t {
    let format = H5F_LIBVER_V110
    try session.check(H5Pset_libver_bounds(access, format, format), "preparing")
    let creation = try session.own(h5_new_file_creation(), H5Pclose, "preparing")
    try session.check(H5Pset_obj_track_times(creation, false), "preparing")
    return try session.check(H5Fcreate(uniqueName(), h5_truncate(), creation, access), "creating")
  }

  /// The file as bytes, complete and ready for the disk.
  public func image() throws -> [UInt8] {
    try perform(failure: isWritable ? .library : .damaged) { session, file in
      try session.check(H5Fflush(file, H5F_SCOPE_GLOBAL), "flushing")
      let count = try session.check(H5Fget_file_image(file, nil, 0), "measuring the image")
      var image = try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
        filled = try session.check(H5Fget_file_image(file, buffer.baseAddress, count), "copying the image")
      }
      // The copy has its "open for writing" flag cleared, but libhdf5 leaves the superblock's checksum as it was.
      if isWritable { Superblock.renewChecksum(of: &image) }
      return image
    }
  }

  /// Closes the file; using it afterwards is an error. Without this call it is closed when it is released.
  public func close() throws {
    try perform(failure: isWritable ? .library : .damaged) { session, file in
      id = -1
      try session.check(H5Fclose(file), "closing")
    }
  }

  /// Runs one operation on the open file, with the lock held.
  func perform<Value>(
    on object: String? = nil, failure: HDF5Error.Reason = .damaged,
    _ body: (HDF5Session, hid_t) throws -> Value
  ) throws -> Value {
    try HDF5Session.run(path: path, object: object, failure: failure) { session in
      guard id >= 0 else { throw session.error(.misuse, "the file is closed") }
      guard isWritable else { return try LibraryFault.reported(path, advice) { try body(session, id) } }
      guard let target else { return try body(session, id) }
      // What libhdf5 makes of a disk that failed is not the cause.
      let result = Result { try body(session, id) }
      try target.check(path)
      return try result.get()
    }
  }

  private static let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]

  /// Access to a file that lives in memory and is never written to the disk.
  private static func coreAccess(_ session: HDF5Session) throws -> hid_t {
    let access = try session.own(h5_new_file_access(), H5Pclose, "preparing")
    let growthBytes = 1 << 20
    try session.check(H5Pset_fapl_core(access, growthBytes, false), "preparing")
    return access
  }

  /// libhdf5 takes two files of one name for the same file.
  private static func uniqueName() -> String { "lockstep-memory-\(UInt64.random(in: .min ... .max))" }
}
