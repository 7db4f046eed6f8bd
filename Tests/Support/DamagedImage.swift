import HDF5Files

/// An image with some bytes of a description replaced, whose checksum fits again; nil where they are not in one.
func resealed(_ image: [UInt8], replacing old: [UInt8], by new: [UInt8]) -> [UInt8]? {
  func places(of bytes: [UInt8]) -> [Int] {
    image.indices.dropLast(bytes.count).filter { image[$0..<$0 + bytes.count].elementsEqual(bytes) }
  }
  func sum(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    let sum = Superblock.checksum(Array(bytes))
    return (0..<4).map { UInt8(truncatingIfNeeded: sum >> (8 * UInt32($0))) }
  }
  guard let place = places(of: old).first,
    let start = places(of: Array("OHDR".utf8)).last(where: { $0 < place }),
    let end = (place..<image.count - 4).first(where: { sum(image[start..<$0]).elementsEqual(image[$0..<$0 + 4]) })
  else { return nil }
  var changed = image
  changed.replaceSubrange(place..<place + old.count, with: new)
  changed.replaceSubrange(end..<end + 4, with: sum(changed[start..<end]))
  return changed
}
