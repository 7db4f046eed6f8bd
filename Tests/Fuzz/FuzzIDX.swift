import Glibc

/// A file without a name, of which the reader sees the path of its descriptor only.
private let file: CInt = {
  var name = Array("/dev/shm/lockstep-fuzz-XXXXXX".utf8CString)
  let descriptor = mkstemp(&name)
  unlink(name)
  return descriptor
}()

/// Any bytes are an IDX file, gzipped or plain, or an `InputError`.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzIDX(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  guard ftruncate(file, 0) == 0, pwrite(file, data, count, 0) == count else { fatalError("no file in memory") }
  guard let read = try? IDXFile("/proc/self/fd/\(file)") else { return 0 }
  if read.shape.contains(where: { $0 < 0 }) { fatalError("a negative size") }
  _ = try? read.integers()
  return 0
}
