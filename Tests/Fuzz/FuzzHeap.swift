/// Any bytes are a heap of an HDF5 file with what texts lie in it; none reaches beyond it.
func readFuzz(_ bytes: [UInt8]) throws {
  guard bytes.count >= 32 else { return }
  // First a reference, then the heap that it is looked up in.
  let reference = TextReference(bytes[..<16])
  let heap = Array(bytes[16...])
  _ = TextHeap.size(Array(heap[..<16]))
  if let text = TextHeap(heap).text(reference), text.count > reference.length || text.contains(0) {
    fatalError("another text")
  }
}
