import Testing

@testable import HDF5Files
@testable import TestSupport

/// Texts in heaps of HDF5 files, read by hand: whatever the bytes are, a text of them or none.
@Suite struct TextHeapTests {
  private static func number(_ value: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
  }

  private static func object(_ index: UInt64, _ text: String, size: UInt64? = nil) -> [UInt8] {
    let bytes = Array(text.utf8)
    let head = number(index, 2) + number(1, 2) + number(0, 4) + number(size ?? UInt64(bytes.count), 8)
    return head + bytes + [UInt8](repeating: 0, count: (8 - bytes.count % 8) % 8)
  }

  private static func heap(_ objects: [UInt8]) -> [UInt8] {
    Array("GCOL".utf8) + [1, 0, 0, 0] + number(UInt64(16 + objects.count), 8) + objects
  }

  private static func reference(_ length: UInt64, _ index: UInt64) -> TextReference {
    TextReference((number(length, 4) + number(2048, 8) + number(index, 4))[...])
  }

  private func text(_ heap: [UInt8], _ length: UInt64, _ index: UInt64) -> String? {
    TextHeap(heap).text(TextHeapTests.reference(length, index)).map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func textsAreFoundAndNothingBeyond() {
    let heap = Self.heap(Self.object(1, "class 0") + Self.object(2, "ankle boot\0") + Self.object(0, "") + [7, 7])
    #expect(TextHeap.size(Array(heap[..<16])) == UInt64(heap.count))
    #expect(text(heap, 7, 1) == "class 0" && text(heap, 3, 1) == "cla" && text(heap, 11, 2) == "ankle boot")
    // Longer than what is there, and numbers that are not there.
    #expect(text(heap, 8, 1) == nil && text(heap, 0xFFFF_FFFF, 1) == nil && text(heap, 1, 3) == nil)
    #expect(text(heap, 1, 0) == nil)
  }

  @Test func sizesThatLie() {
    for size in [40, 1 << 40, UInt64.max, UInt64.max - 7] {
      let heap = Self.heap(Self.object(1, "one") + Self.object(2, "two", size: size) + Self.object(3, "three"))
      #expect(text(heap, 3, 1) == "one" && text(heap, 3, 2) == nil && text(heap, 5, 3) == nil, "\(size)")
    }
    for count in 0..<60 { _ = TextHeap(Array(Self.heap(Self.object(1, "one") + Self.object(2, "two")).prefix(count))) }
    #expect(TextHeap.size([]) == nil && TextHeap.size(Array("GCOX".utf8) + [UInt8](repeating: 1, count: 12)) == nil)
  }

  /// The same objects, found without the heap being read.
  @Test func placesInLargeHeaps() {
    let heap = Self.heap(Self.object(1, "one") + Self.object(2, "", size: 0) + Self.object(3, "three") + [7, 7])
    func place(_ length: UInt64, _ index: UInt64, in heap: [UInt8]) -> Int? {
      TextHeap.place(of: Self.reference(length, index), in: 0..<heap.count) { Array(heap[$0..<$0 + 16]) }
    }
    #expect(place(3, 1, in: heap) == 32 && place(5, 3, in: heap) == 72 && place(4, 1, in: heap) == nil)
    #expect(place(1, 4, in: heap) == nil && place(1, 2, in: heap) == nil)
    let liar = Self.heap(Self.object(1, "one", size: .max) + Self.object(2, "two"))
    #expect(place(1, 1, in: liar) == nil && place(1, 2, in: liar) == nil)
    // Endless ones are given up.
    let empty = Self.heap((0..<70_000).flatMap { _ in Self.object(1, "", size: 0) } + Self.object(2, "two"))
    #expect(place(3, 2, in: empty) == nil)
  }

  /// h5py's texts, of one's own length and of one length, with what it writes for an empty one.
  @Test(.enabled(if: Python.withH5py != nil, "no Python with h5py")) func textsByOthers() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("texts.h5")
    _ = try Python.run(
      """
      import h5py, numpy, sys
      with h5py.File(sys.argv[1], "w") as f:
        words = ["", "café", "x" * 5000, "中文"]
        f.attrs["list"] = words
        f.attrs["one"] = "häuser"
        f.attrs["none"] = ""
        f.attrs["fixed"] = numpy.array([b"ab", b"c"])
        f.create_dataset("words", data=words, dtype=h5py.string_dtype(), chunks=(3,), compression="gzip")
      """, [path])
    let file = try HDF5File.open(path)
    let words = ["", "café", String(repeating: "x", count: 5000), "中文"]
    #expect(try file.attribute("list", of: "/") == .strings(words))
    #expect(try file.attribute("one", of: "/") == .string("häuser"))
    #expect(try file.attribute("none", of: "/") == .string(""))
    #expect(try file.attribute("fixed", of: "/") == .strings(["ab", "c"]))
    #expect(try file.readStrings("words") == words)
  }
}
