import HDF5Files

/// The rows of an array as they lie in a file, whole in memory.
final class ArrayRows: @unchecked Sendable {
  let element: ArrayElement
  /// Of one row.
  let shape: [Int]
  /// Rows.
  let count: Int
  /// Written to by `init` alone.
  private let bytes: UnsafeMutableRawBufferPointer

  /// Numbers of one row.
  var width: Int { shape.reduce(1, *) }

  /// Reads the array at `object`, whose rows must have `shape`.
  /// - Throws: `InputError` with the row of a number that is not finite; `HDF5Error` for what can't be read.
  init(_ file: HDF5File, _ object: String, _ array: ArrayHeader) throws {
    (element, shape, count) = (array.element, array.rowShape, array.count)
    // Of no row: held against what the file can hold before so much is allocated.
    try file.read(object, rows: 0..<0, into: UnsafeMutableBufferPointer<UInt8>(start: nil, count: 0))
    bytes = .allocate(byteCount: count * array.width * array.element.byteCount, alignment: 16)
    try read(file, object, element.stored)
    try check(file.path, object)
  }

  deinit { bytes.deallocate() }

  private func read<T: HDF5Element>(_ file: HDF5File, _ object: String, _ type: T.Type) throws {
    try file.read(object, rows: 0..<count, into: bytes.bindMemory(to: type))
  }

  /// As float32, row after row.
  func decode(_ row: Int, into target: UnsafeMutablePointer<Float>) {
    guard let base = bytes.baseAddress else { return }
    let width = width
    element.decode(base + row * width * element.byteCount, width, into: target)
  }

  var checksum: UInt { Checksum.crc32(UnsafeRawBufferPointer(bytes)) }

  private func check(_ path: String, _ object: String) throws {
    if element.isInteger { return }
    let width = width
    try withUnsafeTemporaryAllocation(of: Float.self, capacity: width) { numbers in
      guard let target = numbers.baseAddress else { return }
      for row in 0..<count {
        decode(row, into: target)
        guard !Self.isFinite(target, width), let place = (0..<width).first(where: { !target[$0].isFinite }) else {
          continue
        }
        let position = width == 1 ? "" : ", number \(place)"
        throw InputError(path, "\(object): row \(row)\(position): \(target[place]) is no finite number of float32")
      }
    }
  }

  private static func isFinite(_ numbers: UnsafePointer<Float>, _ count: Int) -> Bool {
    var found: UInt32 = 0
    for index in 0..<count { found |= numbers[index].bitPattern & 0x7F80_0000 == 0x7F80_0000 ? 1 : 0 }
    return found == 0
  }
}

/// What a file says of an array before any number of it is read.
struct ArrayHeader: Equatable {
  let element: ArrayElement
  let count: Int
  /// Of one row: without the first axis.
  let rowShape: [Int]

  var width: Int { rowShape.reduce(1, *) }

  /// - Throws: `InputError` for what is no array of numbers, or has rows of none.
  init(_ file: HDF5File, _ object: String) throws {
    let type = try file.elementType(of: object)
    var dtype: String?
    if case .string(let text)? = try file.attribute("dtype", of: object) { dtype = text }
    guard let element = ArrayElement(type, dtype: dtype) else {
      throw InputError(file.path, "\(object): expected numbers, found \(type)")
    }
    let shape = try file.shape(of: object)
    guard let count = shape.first, !shape.dropFirst().contains(0) else {
      throw InputError(file.path, "\(object): expected the shape [n, …] with a sample in each row, found \(shape)")
    }
    var numbers = element.byteCount
    for size in shape {
      let (product, overflows) = numbers.multipliedReportingOverflow(by: max(size, 1))
      if overflows { throw InputError(file.path, "\(object): has the absurd shape \(shape)") }
      numbers = product
    }
    (self.element, self.count, rowShape) = (element, count, Array(shape.dropFirst()))
  }
}
