/// Any bytes are an IDX file, gzipped or plain, or an `InputError`.
func readFuzz(_ bytes: [UInt8]) throws {
  let read = try IDXFile(fileInMemory(bytes))
  if read.shape.contains(where: { $0 < 0 }) { fatalError("a negative size") }
  _ = try read.integers()
}
