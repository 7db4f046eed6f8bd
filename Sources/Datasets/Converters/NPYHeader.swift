/// What a NumPy array of the format `.npy`, versions 1 to 3, says of itself before its numbers come.
struct NPYHeader: Equatable {
  /// Of the numbers; `bool` counts as uint8.
  let element: ArrayElement
  let isBigEndian: Bool
  let shape: [Int]
  /// Where the numbers begin.
  let byteCount: Int
  /// Of all numbers.
  let dataBytes: Int

  private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
  /// NumPy's own are below 10,000 bytes; nobody has so many axes.
  private static let longest = 1 << 16

  /// - Parameters:
  ///   - start: the first bytes of the array, at least `NPYHeader.mostBytes` of them where there are so many.
  ///   - path: stands for the array in messages.
  /// - Throws: `InputError` for what is no such array, and for arrays that are not read: of objects, of records, of text, in
  ///   Fortran order.
  init(_ start: UnsafeRawBufferPointer, path: String) throws {
    guard start.count >= 10, start.starts(with: Self.magic) else {
      throw InputError(path, "is no NumPy array: expected it to begin with \\x93NUMPY")
    }
    let version = start[6]
    guard (1...3).contains(version) else {
      throw InputError(path, "is of the version \(version) of the format .npy; 1 to 3 are read")
    }
    let lengthBytes = version == 1 ? 2 : 4
    guard start.count >= 8 + lengthBytes else { throw InputError(path, "truncated within its header") }
    let length = (0..<lengthBytes).reduce(0) { $0 | Int(start[8 + $1]) << (8 * $1) }
    guard length <= Self.longest else {
      throw InputError(path, "has a header of \(length) bytes: no array's is so long")
    }
    byteCount = 8 + lengthBytes + length
    guard start.count >= byteCount else { throw InputError(path, "truncated within its header") }
    var scan = PythonScan(Array(start[(8 + lengthBytes)..<byteCount]), path)
    let fields = try scan.dictionary()
    (element, isBigEndian) = try Self.type(fields["descr"], path)
    guard case .flag(let isFortran)? = fields["fortran_order"], case .tuple(let shape)? = fields["shape"] else {
      throw InputError(path, "its header lacks fortran_order or shape")
    }
    guard !isFortran else {
      throw InputError(path, "lies in Fortran order, which is not read; numpy.ascontiguousarray makes it C order")
    }
    self.shape = shape
    guard let bytes = Self.product(shape, element.byteCount) else {
      throw InputError(path, "declares the absurd shape \(shape)")
    }
    dataBytes = bytes
  }

  /// The most bytes that a header may have.
  static let mostBytes = 12 + longest

  private static func product(_ shape: [Int], _ bytes: Int) -> Int? {
    guard shape.count <= 32 else { return nil }
    var result = bytes
    for size in shape {
      let (product, overflows) = result.multipliedReportingOverflow(by: size)
      if overflows { return nil }
      result = product
    }
    // An array of no elements may have axes of any length, which another order would multiply first.
    return shape.contains(0) ? 0 : result
  }

  private static func type(_ value: PythonScan.Value?, _ path: String) throws -> (ArrayElement, Bool) {
    guard case .text(let text)? = value else { throw InputError(path, "its header has no descr") }
    let (order, code) = (text.first ?? "?", text.dropFirst())
    let elements: [Substring: ArrayElement] = [
      "b1": .uint8, "i1": .int8, "i2": .int16, "i4": .int32, "i8": .int64, "u1": .uint8, "u2": .uint16, "u4": .uint32,
      "u8": .uint64, "f2": .float16, "f4": .float32, "f8": .float64,
    ]
    if code == "O" { throw InputError(path, "holds pickled Python objects, which are never read") }
    guard ["<", ">", "|", "="].contains(order), let element = elements[code] else {
      throw InputError(
        path,
        "holds numbers of the type \(text.shown); read are bool, int8 to int64, uint8 to uint64, float16 to float64")
    }
    return (element, order == ">")
  }
}

/// Reads the Python dictionary of a header: texts, True and False, and tuples of whole numbers.
struct PythonScan {
  enum Value: Equatable {
    case text(String)
    case flag(Bool)
    case tuple([Int])
  }

  private let bytes: [UInt8]
  private let path: String
  private var place = 0

  init(_ bytes: [UInt8], _ path: String) { (self.bytes, self.path) = (bytes, path) }

  mutating func dictionary() throws -> [String: Value] {
    var result: [String: Value] = [:]
    try expect("{")
    while !take("}") {
      let key = try text()
      try expect(":")
      guard result.updateValue(try value(), forKey: key) == nil else { throw fault("says \(key.shown) twice") }
      if !take(",") {
        try expect("}")
        break
      }
    }
    return result
  }

  private mutating func value() throws -> Value {
    skipSpace()
    switch next {
    case UInt8(ascii: "'"), UInt8(ascii: "\""): return .text(try text())
    case UInt8(ascii: "("): return .tuple(try tuple())
    case UInt8(ascii: "["):
      throw InputError(path, "holds records, which are not read")
    default:
      if takeWord("True") { return .flag(true) }
      if takeWord("False") { return .flag(false) }
      throw fault("can't be read at byte \(place)")
    }
  }

  private mutating func tuple() throws -> [Int] {
    var numbers: [Int] = []
    try expect("(")
    while !take(")") {
      skipSpace()
      var number = 0
      let start = place
      while let digit = next, (0x30...0x39).contains(digit) {
        let (product, overflows) = number.multipliedReportingOverflow(by: 10)
        let (sum, exceeds) = product.addingReportingOverflow(Int(digit - 0x30))
        if overflows || exceeds { throw fault("declares an absurd shape") }
        (number, place) = (sum, place + 1)
      }
      guard place > start else { throw fault("has no whole number at byte \(place) of its shape") }
      // Python 2 wrote long numbers with an L.
      if next == UInt8(ascii: "L") { place += 1 }
      numbers.append(number)
      if !take(",") {
        try expect(")")
        break
      }
    }
    return numbers
  }

  private mutating func text() throws -> String {
    skipSpace()
    guard let quote = next, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else {
      throw fault("has no text at byte \(place)")
    }
    place += 1
    let start = place
    while let byte = next, byte != quote { place += 1 }
    guard next == quote, let text = String(validating: bytes[start..<place], as: UTF8.self) else {
      throw fault("has a text that does not end")
    }
    place += 1
    return text
  }

  private var next: UInt8? { place < bytes.count ? bytes[place] : nil }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { place += 1 }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard next == UInt8(ascii: character) else { return false }
    place += 1
    return true
  }

  private mutating func takeWord(_ word: String) -> Bool {
    guard bytes[place...].starts(with: word.utf8) else { return false }
    place += word.utf8.count
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws {
    guard take(character) else { throw fault("lacks '\(character)' at byte \(place)") }
  }

  private func fault(_ what: String) -> InputError { InputError(path, "its header \(what)") }
}
