import Glibc

/// A file without a name, of which the reader sees the path of its descriptor only.
private let file: CInt = {
  var name = Array("/dev/shm/lockstep-fuzz-XXXXXX".utf8CString)
  let descriptor = mkstemp(&name)
  unlink(name)
  return descriptor
}()

/// Any bytes are a PNG or JPEG picture or an `InputError`; a picture has the pixels that its size says.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzImage(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  guard ftruncate(file, 0) == 0, pwrite(file, data, count, 0) == count else { fatalError("no file in memory") }
  let path = "/proc/self/fd/\(file)"
  guard let (size, channels) = try? ImageFile.header(path) else { return 0 }
  // Large ones cost time, not memory: the sanitizer looks at every byte of them.
  guard size.height * size.width <= 1 << 16, let picture = try? ImageFile.read(path) else { return 0 }
  guard picture.size == size, picture.channels == channels, picture.pixels.count == size.height * size.width * channels
  else { fatalError("another size") }
  _ = picture.converted(channels: channels == 1 ? 3 : 1)
  _ = picture.resized(to: ImageSize(3, 5))
  return 0
}
