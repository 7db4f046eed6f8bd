import CMPI
import Glibc

/// Zeroed memory that the ranks of one host share, or that this rank has for itself where they can't. It stays until the
/// last of them has let it go; nothing of it stays behind, however the job ends.
public final class HostMemory: @unchecked Sendable {
  /// Where it begins, at a page's beginning.
  public let start: UnsafeMutableRawPointer
  /// How large it is.
  public let byteCount: Int
  /// How many ranks share it.
  public let rankCount: Int
  /// This rank's place among them.
  public let index: Int

  private init(_ start: UnsafeMutableRawPointer, _ byteCount: Int, rankCount: Int, index: Int) {
    (self.start, self.byteCount, self.rankCount, self.index) = (start, byteCount, rankCount, index)
  }

  deinit { munmap(start, byteCount) }

  /// Memory of this rank alone.
  /// - Throws: `MessagePassingError` where the system has no more.
  public static func own(_ byteCount: Int) throws -> HostMemory {
    let flags = MAP_PRIVATE | MAP_ANONYMOUS
    guard let memory = mapped(-1, byteCount, flags) else {
      throw MessagePassingError(
        .environment, "memory", "the system gives no \(byteCount) bytes of memory", rank: nil)
    }
    return HostMemory(memory, max(byteCount, 1), rankCount: 1, index: 0)
  }

  /// Collective over `world`; nil on all ranks of a host where one of them can't see it.
  static func shared(over world: MPI_Comm, _ byteCount: Int) throws -> HostMemory? {
    var splitHost: MPI_Comm?
    try check(MPI_Comm_split_type(world, cmpi_comm_type_shared(), 0, cmpi_info_null(), &splitHost))
    guard let host = splitHost else { return nil }
    var (index, count): (Int32, Int32) = (0, 0)
    try check(MPI_Comm_rank(host, &index))
    try check(MPI_Comm_size(host, &count))

    // The first rank makes the file and tells its path, empty if it could not.
    let made = index == 0 ? SharedFile(byteCount) : nil
    var path = made?.path ?? []
    path += [CChar](repeating: 0, count: SharedFile.pathCapacity - path.count)
    try check(MPI_Bcast(&path, Int32(path.count), MessageType.uint8.datatype, 0, host))
    var memory: UnsafeMutableRawPointer?
    if path[0] != 0 {
      let descriptor = open(path, O_RDWR | O_CLOEXEC)
      if descriptor >= 0 {
        memory = mapped(descriptor, byteCount, MAP_SHARED)
        close(descriptor)
      }
    }

    // Only when all have it does anyone use it; by then its name is no longer needed.
    var isMapped: Int32 = memory == nil ? 0 : 1
    let type = MessageType.int32.datatype
    try check(MPI_Allreduce(cmpi_in_place(), &isMapped, 1, type, cmpi_minimum(), host))
    made?.remove()
    try check(MPI_Comm_free(&splitHost))
    guard let memory else { return nil }
    let result = HostMemory(memory, max(byteCount, 1), rankCount: Int(count), index: Int(index))
    return isMapped == 1 ? result : nil
  }

  private static func mapped(_ descriptor: Int32, _ byteCount: Int, _ flags: Int32) -> UnsafeMutableRawPointer? {
    let memory = mmap(nil, max(byteCount, 1), PROT_READ | PROT_WRITE, flags, descriptor, 0)
    return memory == MAP_FAILED ? nil : memory
  }
}

/// A file in memory that other processes can open for as long as nobody removes it.
private struct SharedFile {
  static let pathCapacity = 64

  let path: [CChar]
  private let descriptor: Int32
  private let isNamed: Bool

  /// In `/dev/shm`, or where that is full (a container gives it 64 MB) among this process's descriptors.
  init?(_ byteCount: Int) {
    var path = Array("/dev/shm/lockstep-XXXXXX".utf8CString)
    var descriptor = mkstemp(&path)
    // Reserves the memory: what is not there is refused here instead of killing the process when it writes.
    isNamed = descriptor >= 0 && posix_fallocate(descriptor, 0, off_t(max(byteCount, 1))) == 0
    if !isNamed {
      if descriptor >= 0 {
        close(descriptor)
        unlink(path)
      }
      descriptor = cmpi_memory_file()
      path = Array("/proc/\(getpid())/fd/\(descriptor)".utf8CString)
      guard descriptor >= 0, posix_fallocate(descriptor, 0, off_t(max(byteCount, 1))) == 0,
        path.count <= Self.pathCapacity
      else {
        if descriptor >= 0 { close(descriptor) }
        return nil
      }
    }
    (self.path, self.descriptor) = (path, descriptor)
  }

  func remove() {
    close(descriptor)
    if isNamed { unlink(path) }
  }
}
