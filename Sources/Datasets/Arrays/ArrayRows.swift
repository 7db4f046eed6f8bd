import HDF5Files

/// The rows of an array in a file.
struct ArrayRows: Sendable {
  let rows: HDF5Rows
  let element: ArrayElement
  /// Numbers of one row.
  let width: Int
  private let path, object: String

  var count: Int { rows.rowCount }
  var rowBytes: Int { width * element.byteCount }

  init(_ file: HDF5File, _ object: String) throws {
    let header = try ArrayHeader(file, object)
    (rows, element, width) = (try file.rows(of: object), header.element, header.width)
    (path, self.object) = (file.path, object)
  }

  /// Numbers as they lie in the file.
  /// - Throws: `InputError` with the row of a number that is not finite.
  func read(_ samples: Range<Int>, into bytes: UnsafeMutableRawBufferPointer) throws {
    func read<T: HDF5Element>(_ type: T.Type) throws { try rows.read(samples, into: bytes.bindMemory(to: type)) }
    try read(element.stored)
    guard let base = bytes.baseAddress, let place = element.firstNotFinite(base, samples.count * width) else { return }
    let row = samples.lowerBound + place.index / width
    let position = width == 1 ? "row \(row)" : "row \(row), number \(place.index % width)"
    throw InputError(path, "\(object): \(position): \(place.value) is no finite number of float32")
  }

  /// Classes, of which there are `count`.
  func readClasses(_ samples: Range<Int>, _ count: Int, into labels: UnsafeMutableBufferPointer<Int32>) throws {
    try forEachBlock(of: samples) { block, numbers in
      if let row = numbers.firstIndex(where: { !(0..<Int64(count) ~= $0) }) {
        throw InputError(
          path,
          "\(object): row \(block.lowerBound + row): expected a label in 0...\(count - 1), found \(numbers[row])")
      }
      for (row, number) in zip(block, numbers) { labels[row - samples.lowerBound] = Int32(number) }
    }
  }

  /// Numbers of many rows, some at a time, converted as libhdf5 does it.
  func forEachBlock<T: HDF5Element>(
    of samples: Range<Int>? = nil, _ body: (Range<Int>, UnsafeMutableBufferPointer<T>) throws -> Void
  ) throws {
    let (samples, most) = (samples ?? 0..<count, 1 << 16)
    try withUnsafeTemporaryAllocation(of: T.self, capacity: min(most, max(samples.count, 1)) * width) { buffer in
      for start in stride(from: samples.lowerBound, to: samples.upperBound, by: most) {
        let block = start..<min(start + most, samples.upperBound)
        let part = UnsafeMutableBufferPointer(rebasing: buffer[..<(block.count * width)])
        try rows.read(block, into: part)
        try body(block, part)
      }
    }
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
