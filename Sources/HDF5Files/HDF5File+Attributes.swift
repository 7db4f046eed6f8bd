import CHDF5

/// A small value attached to a group or dataset.
public enum HDF5Attribute: Sendable, Equatable {
  /// One integer.
  case int(Int64)
  /// One float.
  case double(Double)
  /// One text, UTF-8.
  case string(String)
  /// Integers, along one axis.
  case ints([Int64])
  /// Floats, along one axis.
  case doubles([Double])
  /// Texts, along one axis.
  case strings([String])
}

/// Attributes of groups and datasets; `path` is "/" for those of the file as a whole.
extension HDF5File {
  /// Sets the attribute `name` of what is at `path`, in place of an older one of this name.
  ///
  /// Strings are of variable length, which h5py gives back as `str`; `sealText` guards them.
  public func setAttribute(_ name: String, of path: String, to value: HDF5Attribute) throws {
    try perform(on: "\(path)@\(name)", failure: .library) { session, file in
      guard isWritable else { throw session.error(.misuse, "the file is open for reading only") }
      let object = try openObject(path, session, file)
      if try session.check(H5Aexists(object, name), "looking it up") > 0 {
        try session.check(H5Adelete(object, name), "replacing")
      }
      switch value {
      case .int(let number): try store([number], isScalar: true, name, object, session)
      case .ints(let numbers): try store(numbers, isScalar: false, name, object, session)
      case .double(let number): try store([number], isScalar: true, name, object, session)
      case .doubles(let numbers): try store(numbers, isScalar: false, name, object, session)
      case .string(let text): try store([text], isScalar: true, name, object, session)
      case .strings(let texts): try store(texts, isScalar: false, name, object, session)
      }
    }
  }

  /// Sets a text that is kept beside the attribute itself, where metadata's checksums cover it: no seal is needed, nor in its
  /// way. h5py gives it back as bytes.
  public func setAttribute(_ name: String, of path: String, toPadded text: String) throws {
    try perform(on: "\(path)@\(name)", failure: .library) { session, file in
      guard isWritable else { throw session.error(.misuse, "the file is open for reading only") }
      guard !text.utf8.contains(0) else { throw session.error(.misuse, "text can't hold a zero byte") }
      let object = try openObject(path, session, file)
      let type = try session.own(h5_new_string_type(max(1, text.utf8.count)), H5Tclose, "preparing text")
      let attribute = try create(name, type: type, count: nil, object, session)
      try session.check(H5Awrite(attribute, type, Array(text.utf8) + [0]), "writing")
    }
  }

  /// The attribute `name` of what is at `path`; nil when there is none of this name.
  /// - Throws: `HDF5Error` `.wrongType` when it is neither numbers nor text.
  public func attribute(_ name: String, of path: String) throws -> HDF5Attribute? {
    try perform(on: "\(path)@\(name)") { session, file in
      let object = try openObject(path, session, file)
      guard try session.check(H5Aexists(object, name), "looking it up") > 0 else { return nil }
      let attribute = try session.own(H5Aopen(object, name, 0), H5Aclose, "opening")
      let type = try session.own(H5Aget_type(attribute), H5Tclose, "reading the type")
      let space = try session.own(H5Aget_space(attribute), H5Sclose, "reading the shape")
      let shape = try shape(ofSpace: space, session)
      // Nothing in an attribute is compressed.
      let elementBytes = storedBytes(of: type)
      guard let count = elementCount(shape), isWritable || count <= byteCount / max(elementBytes, 1) else {
        throw session.error(.refused, "declares the shape \(shape) of \(elementBytes) bytes, the file has \(byteCount)")
      }
      let kind = HDF5ElementType(of: type)
      switch kind {
      case .string:
        let texts = try strings(of: type, space: space, count: count, session) { H5Aread(attribute, $0, $1) }
        return shape.isEmpty ? texts.first.map { .string($0) } : .strings(texts)
      case .float32, .float64:
        let numbers: [Double] = try load(attribute, count, session)
        return shape.isEmpty ? numbers.first.map { .double($0) } : .doubles(numbers)
      case _ where kind.isInteger:
        let numbers: [Int64] = try load(attribute, count, session)
        return shape.isEmpty ? numbers.first.map { .int($0) } : .ints(numbers)
      default:
        throw session.error(.wrongType, "holds \(kind), neither numbers nor text")
      }
    }
  }

  /// The names of the attributes of what is at `path`, in alphabetical (byte) order.
  public func attributeNames(of path: String) throws -> [String] {
    try perform(on: path) { session, file in
      let object = try openObject(path, session, file)
      var names: [String] = []
      try withUnsafeMutablePointer(to: &names) { list in
        let status = H5Aiterate2(
          object, H5_INDEX_NAME, H5_ITER_INC, nil,
          { _, name, _, data in
            guard let name, let list = data?.assumingMemoryBound(to: [String].self) else { return -1 }
            list.pointee.append(String(cString: name))
            return 0
          }, list)
        _ = try session.check(status, "listing the attributes")
      }
      return names
    }
  }

  private func store<T: HDF5Element>(
    _ numbers: [T], isScalar: Bool, _ name: String, _ object: hid_t, _ session: HDF5Session
  ) throws {
    let type = T.hdf5ElementType.nativeNumber
    let attribute = try create(name, type: type, count: isScalar ? nil : numbers.count, object, session)
    guard !numbers.isEmpty else { return }
    try session.check(H5Awrite(attribute, type, numbers), "writing")
  }

  private func store(
    _ texts: [String], isScalar: Bool, _ name: String, _ object: hid_t, _ session: HDF5Session
  ) throws {
    let type = try session.own(h5_new_string_type(0), H5Tclose, "preparing text")
    let attribute = try create(name, type: type, count: isScalar ? nil : texts.count, object, session)
    guard !texts.isEmpty else { return }
    guard !isSealed else { throw session.error(.misuse, "the text of attributes is sealed") }
    guard !texts.contains(where: { $0.utf8.contains(0) }) else {
      throw session.error(.misuse, "text can't hold a zero byte, which HDF5 takes for its end")
    }
    // All strings in one block, each ended by a zero byte, so that their addresses hold during the call.
    let block = texts.flatMap { Array($0.utf8CString) }
    try block.withUnsafeBufferPointer { buffer in
      var offset = 0
      let pointers = texts.map { text in
        defer { offset += text.utf8.count + 1 }
        return buffer.baseAddress.map { $0 + offset }
      }
      _ = try session.check(H5Awrite(attribute, type, pointers), "writing")
    }
  }

  /// A new attribute of `count` elements; nil stands for a single value.
  private func create(
    _ name: String, type: hid_t, count: Int?, _ object: hid_t, _ session: HDF5Session
  ) throws -> hid_t {
    let space =
      if let count {
        H5Screate_simple(1, [hsize_t(count)], nil)
      } else {
        H5Screate(H5S_SCALAR)
      }
    let owned = try session.own(space, H5Sclose, "describing the shape")
    return try session.own(H5Acreate2(object, name, type, owned, 0, 0), H5Aclose, "creating")
  }

  private func load<T: HDF5Element>(_ attribute: hid_t, _ count: Int, _ session: HDF5Session) throws -> [T] {
    try [T](unsafeUninitializedCapacity: count) { buffer, filled in
      guard count > 0 else { return }
      try session.check(H5Aread(attribute, T.hdf5ElementType.nativeNumber, buffer.baseAddress), "reading")
      filled = count
    }
  }
}
