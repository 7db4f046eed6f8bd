import Glibc

/// What libFuzzer calls for each input. A reader may refuse it with an error; a trap is a find.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  do { try readFuzz(Array(UnsafeBufferPointer(start: data, count: count))) } catch {}
  return 0
}

/// For readers that ask for a path: a file without a name, of which they see the path of its descriptor only.
func fileInMemory(_ bytes: [UInt8]) -> String {
  guard ftruncate(file, 0) == 0, pwrite(file, bytes, bytes.count, 0) == bytes.count
  else { fatalError("no file in memory") }
  return "/proc/self/fd/\(file)"
}

private let file: CInt = {
  var name = Array("/dev/shm/lockstep-fuzz-XXXXXX".utf8CString)
  let descriptor = mkstemp(&name)
  unlink(name)
  return descriptor
}()
