/// Any bytes are a heap of an HDF5 file with what texts lie in it; none reaches beyond it.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzHeap(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: data, count: count))
  guard count >= 32 else { return 0 }
  // First a reference, then the heap that it is looked up in.
  let reference = TextReference(bytes[..<16])
  let heap = Array(bytes[16...])
  _ = TextHeap.size(Array(heap[..<16]))
  if let text = TextHeap(heap).text(reference), text.count > reference.length || text.contains(0) {
    fatalError("another text")
  }
  return 0
}
