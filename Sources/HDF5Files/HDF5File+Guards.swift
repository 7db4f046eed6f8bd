import CHDF5

/// Guards against files that lie: a file of a kilobyte can declare a petabyte, or point to any other file.
extension HDF5File {
  /// The number of elements that the dataset declares.
  /// - Throws: `HDF5Error` `.refused` when its data lies in other files or is more than the file can hold.
  func guardedCount(_ dataset: hid_t, _ session: HDF5Session) throws -> Int {
    let creation = try session.own(H5Dget_create_plist(dataset), H5Pclose, "reading the layout")
    let layout = H5Pget_layout(creation)
    guard layout != H5D_VIRTUAL, H5Pget_external_count(creation) == 0 else {
      throw session.error(.refused, "its data lies in other files, which Lockstep does not follow")
    }
    let filters = try filters(creation, session)
    let type = try session.own(H5Dget_type(dataset), H5Tclose, "reading the type")
    let shape = try shape(ofDataset: dataset, session)
    let elementBytes = storedBytes(of: type)
    // Eight bytes: the widest number that an element may be converted to.
    guard let count = elementCount(shape), product(count, 8) != nil, let declared = product(count, elementBytes) else {
      throw session.error(.refused, "declares the absurd shape \(shape)")
    }
    // A file that is being built in memory holds what this process has put there.
    guard count > 0, !isWritable else { return count }

    let stored = Int(clamping: H5Dget_storage_size(dataset))
    guard stored <= byteCount else {
      throw session.error(.damaged, "declares \(stored) stored bytes, but the file has \(byteCount)")
    }
    let canHold = mostUnpacked(stored, filters)
    let chunk = try chunk(creation, session)
    // libhdf5 would look for chunks along axes that are not there, without end.
    if let chunk, chunk.count != shape.count {
      throw session.error(.damaged, "has chunks of \(chunk.count) axes, but the shape \(shape)")
    }
    let chunkBytes = chunk.map { elementCount($0).flatMap { product($0, elementBytes) } ?? .max }
    guard declared <= canHold, (chunkBytes ?? 0) <= canHold else {
      throw session.error(.refused, "declares the shape \(shape), but only \(stored) bytes of it are in the file")
    }
    // Looked up one by one, whether they are there or not; each that is there takes eight bytes at least.
    let chunkCount = zip(shape, chunk ?? shape).reduce(1.0) { $0 * (Double($1.0) / Double(max($1.1, 1))).rounded(.up) }
    guard chunkCount <= Double(1 << 16 + byteCount / 8) else {
      throw session.error(.refused, "declares \(chunkCount) chunks, which the file has no room for")
    }
    return count
  }

  /// Bytes of an element as it lies in the file: of a text of its own length, the reference to it.
  func storedBytes(of type: hid_t) -> Int {
    H5Tis_variable_str(type) > 0 ? TextReference.byteCount : H5Tget_size(type)
  }

  private func product(_ left: Int, _ right: Int) -> Int? {
    let (product, overflow) = left.multipliedReportingOverflow(by: right)
    return overflow ? nil : product
  }
}
