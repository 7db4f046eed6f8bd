import Glibc

/// A file without a name, of which the reader sees the path of its descriptor only.
private let file: CInt = {
  var name = Array("/dev/shm/lockstep-fuzz-XXXXXX".utf8CString)
  let descriptor = mkstemp(&name)
  unlink(name)
  return descriptor
}()

/// Any bytes are a table of labels or an `InputError`.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzLabels(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  guard ftruncate(file, 0) == 0, pwrite(file, data, count, 0) == count else { fatalError("no file in memory") }
  guard let table = try? LabelTable("/proc/self/fd/\(file)", onStoredBytes: { _ in }) else { return 0 }
  if table.rows.contains(where: { $0.id.isEmpty || $0.label.isEmpty }) { fatalError("a row without a label") }
  return 0
}
