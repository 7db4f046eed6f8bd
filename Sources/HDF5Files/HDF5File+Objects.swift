import CHDF5

/// What an HDF5 file holds: groups and datasets by their paths.
extension HDF5File {
  /// The names of what the group at `group` holds, in alphabetical (byte) order.
  public func names(in group: String) throws -> [String] {
    try perform(on: group) { session, file in
      let object = try openObject(group, session, file)
      guard H5Iget_type(object) == H5I_GROUP else { throw session.error(.wrongType, "is no group") }
      try checkLinks(of: object, session)
      var info = H5G_info_t()
      try session.check(H5Gget_info(object, &info), "listing")
      guard isWritable || info.nlinks <= hsize_t(byteCount) else {
        throw session.error(.refused, "declares \(info.nlinks) things, the file has \(byteCount) bytes")
      }
      let names = try (0..<info.nlinks).map { index in
        let length = try session.check(linkName(object, index, nil, 0), "listing")
        guard isWritable || length <= byteCount else {
          throw session.error(.damaged, "holds a name of \(length) bytes")
        }
        return try withUnsafeTemporaryAllocation(of: CChar.self, capacity: length + 1) { buffer in
          try session.check(linkName(object, index, buffer.baseAddress, buffer.count), "listing")
          return try text(buffer, session)
        }
      }
      // To Swift, texts of the same characters are equal whatever their bytes.
      guard Set(names).count == names.count else { throw session.error(.damaged, "holds two things of one name") }
      // Links to elsewhere are not followed, and so not listed.
      return names.filter { h5_is_hard_link(object, $0, 0) > 0 }
    }
  }

  private func linkName(_ group: hid_t, _ index: hsize_t, _ buffer: UnsafeMutablePointer<CChar>?, _ size: Int) -> Int {
    H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, index, buffer, size, 0)
  }

  private func text(_ buffer: UnsafeMutableBufferPointer<CChar>, _ session: HDF5Session) throws -> String {
    let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw session.error(.damaged, "holds a name that is no UTF-8 text")
    }
    return text
  }

  /// Whether there is a group or dataset at `path`.
  public func exists(_ path: String) throws -> Bool { try objectType(path) != nil }
  /// Whether there is a group at that path.
  public func isGroup(_ path: String) throws -> Bool { try objectType(path) == H5I_GROUP }
  /// Whether there is a dataset at that path.
  public func isDataset(_ path: String) throws -> Bool { try objectType(path) == H5I_DATASET }

  private func objectType(_ path: String) throws -> H5I_type_t? {
    try perform(on: path) { session, file in
      guard try isThere(path, session, file) else { return nil }
      return H5Iget_type(try openObject(path, session, file))
    }
  }

  /// Creates the group at `path`, and those above it that are missing.
  public func createGroup(_ path: String) throws {
    try perform(on: path, failure: .library) { session, file in
      try checkCreation(path, session, file)
      try createParents(of: path, session, file)
      try createGroup(path, session, file)
    }
  }

  private func createGroup(_ path: String, _ session: HDF5Session, _ file: hid_t) throws {
    let creation = try session.own(h5_new_group_creation(), H5Pclose, "preparing")
    try session.check(H5Pset_obj_track_times(creation, false), "preparing")
    _ = try session.own(H5Gcreate2(file, path, 0, creation, 0), H5Gclose, "creating the group")
  }

  /// Opens the group or dataset at `path`, through no link that leads to another file.
  func openObject(_ path: String, _ session: HDF5Session, _ file: hid_t) throws -> hid_t {
    guard try isThere(path, session, file) else {
      throw session.error(isWritable ? .misuse : .noSuchObject, "is not in the file")
    }
    let access = try linkAccess(session)
    return try session.own(H5Oopen(file, path, access), H5Oclose, "opening")
  }

  func openDataset(_ path: String, _ session: HDF5Session, _ file: hid_t) throws -> hid_t {
    let object = try openObject(path, session, file)
    guard H5Iget_type(object) == H5I_DATASET else { throw session.error(.wrongType, "is a group, not a dataset") }
    return object
  }

  /// Throws unless a new object may be put at `path`.
  func checkCreation(_ path: String, _ session: HDF5Session, _ file: hid_t) throws {
    guard isWritable else { throw session.error(.misuse, "the file is open for reading only") }
    if try isThere(path, session, file) { throw session.error(.misuse, "is in the file already") }
  }

  /// Makes the groups above a new object that are missing. Those that libhdf5 would make by itself hold times, and so no
  /// two files would have the same bytes.
  func createParents(of path: String, _ session: HDF5Session, _ file: hid_t) throws {
    var walked = ""
    for step in path.split(separator: "/").dropLast() {
      walked += "/\(step)"
      if try !isThere(walked, session, file) { try createGroup(walked, session, file) }
    }
  }

  private func linkAccess(_ session: HDF5Session) throws -> hid_t {
    try session.own(h5_new_link_access(), H5Pclose, "preparing")
  }

  /// Follows `path` step by step, as libhdf5 takes a missing step in the middle for a failure.
  private func isThere(_ path: String, _ session: HDF5Session, _ file: hid_t) throws -> Bool {
    guard !path.utf8.contains(0) else { throw session.error(.misuse, "a path can't hold a zero byte") }
    let access = try linkAccess(session)
    var walked = ""
    for step in path.split(separator: "/") {
      walked += "/\(step)"
      if try session.check(H5Lexists(file, walked, access), "looking it up") == 0 { return false }
      guard h5_is_hard_link(file, walked, access) > 0 else {
        throw session.error(.refused, "\(walked) is a link to elsewhere, which Lockstep does not follow")
      }
      if try session.check(H5Oexists_by_name(file, walked, access), "looking it up") == 0 { return false }
    }
    return true
  }
}
