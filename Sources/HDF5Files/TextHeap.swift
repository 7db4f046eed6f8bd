/// Strings and lists of varying length lie in heaps of a file, and their places in datasets and attributes. They are read by hand:
/// libhdf5 believes every length that a file states, be it four gigabytes, and copies what a heap holds into room for what
/// the reference said.
struct TextReference {
  static let byteCount = 16

  /// Bytes of the string or list.
  let length: Int
  /// The address of its heap, and its number in there.
  let heap: UInt64
  let index: UInt32

  /// A reference as it lies in a file: length (4), address (8), index (4), the lowest byte first.
  init(_ bytes: ArraySlice<UInt8>) {
    length = Int(TextHeap.number(bytes.prefix(4)))
    heap = TextHeap.number(bytes.dropFirst(4).prefix(8))
    index = UInt32(truncatingIfNeeded: TextHeap.number(bytes.dropFirst(12).prefix(4)))
  }

  /// Where nothing was written, or an empty text or list.
  var isNothing: Bool { length == 0 || heap == 0 }
}

/// A heap of a file ("global heap collection" in HDF5's format specification, III.E): a header of 16 bytes, then objects, each
/// with a header of 16 bytes and padded to 8.
struct TextHeap {
  static let headerByteCount = 16

  private let bytes: [UInt8]
  private var objects: [UInt32: Range<Int>] = [:]

  /// The size that the first 16 bytes of a heap state; nil where there is none.
  static func size(_ header: [UInt8]) -> UInt64? {
    guard header.count == headerByteCount, header.starts(with: Array("GCOL".utf8)), header[4] == 1 else { return nil }
    return number(header[8...])
  }

  /// All bytes of a heap. Objects that reach beyond it are left out, with all behind them.
  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    var place = Self.headerByteCount
    while bytes.count - place >= Self.headerByteCount {
      let index = UInt32(Self.number(bytes[place..<place + 2]))
      let size = Self.number(bytes[place + 8..<place + 16])
      let start = place + Self.headerByteCount
      // Number 0 is the room that is left.
      guard index > 0, size <= UInt64(bytes.count - start) else { return }
      objects[index] = start..<start + Int(size)
      place = start + (Int(size) + 7) / 8 * 8
    }
  }

  /// The text that a reference means, up to its first zero byte; nil where the heap does not hold so much.
  func text(_ reference: TextReference) -> ArraySlice<UInt8>? { list(reference)?.prefix { $0 != 0 } }

  /// The bytes that a reference means; nil where the heap does not hold so many.
  func list(_ reference: TextReference) -> ArraySlice<UInt8>? {
    guard let object = objects[reference.index], reference.length <= object.count else { return nil }
    return bytes[object].prefix(reference.length)
  }

  /// Where the bytes that a reference means begin in a heap too large to be read for one of its objects; nil where they are not
  /// all in there.
  /// - Parameters:
  ///   - heap: where it lies.
  ///   - read: gives the header of the object at a place.
  static func place(
    of reference: TextReference, in heap: Range<Int>, read: (Int) throws -> [UInt8]
  ) rethrows -> Int? {
    var place = heap.lowerBound + headerByteCount
    for _ in 0...UInt16.max {
      guard heap.upperBound - place >= headerByteCount else { return nil }
      let header = try read(place)
      let (index, size) = (UInt32(number(header[..<2])), number(header[8..<16]))
      place += headerByteCount
      guard index > 0, size <= UInt64(heap.upperBound - place) else { return nil }
      if index == reference.index { return reference.length <= Int(size) ? place : nil }
      place += (Int(size) + 7) / 8 * 8
    }
    return nil
  }

  static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
