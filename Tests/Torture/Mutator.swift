import HDF5Files

/// Changes some bytes of an HDF5 file and makes its checksums fit again, so that not the first of them ends the matter: those
/// of libhdf5's metadata, and the seal behind a checkpoint.
struct Mutator {
  private let image: [UInt8]
  private let isSealed: Bool
  /// Where bytes are followed by their checksum.
  private let summed: [Range<Int>]
  private static let seal = "\nlockstep "
  private static let sealCount = seal.utf8.count + "sha256:".utf8.count + 64 + 1

  init(_ bytes: [UInt8]) {
    isSealed = bytes.suffix(Self.sealCount).starts(with: Array(Self.seal.utf8))
    image = isSealed ? Array(bytes.dropLast(Self.sealCount)) : bytes
    summed = Self.summed(image)
  }

  func mutation(_ dice: inout Dice) -> [UInt8] {
    var bytes = image
    // Half of the changes are in what describes the data, however small a part of the file that is.
    for _ in 0..<Int.random(in: 1...6, using: &dice) {
      let block = summed.randomElement(using: &dice).flatMap { Bool.random(using: &dice) ? $0 : nil }
      change(&bytes, at: Int.random(in: block ?? 0..<bytes.count - 8, using: &dice), &dice)
    }
    // Three of four: the others show what the checksums are for.
    if Int.random(in: 0..<4, using: &dice) > 0 {
      for range in summed {
        let sum = Superblock.checksum(Array(bytes[range]))
        for index in 0..<4 { bytes[range.upperBound + index] = UInt8(truncatingIfNeeded: sum >> (8 * UInt32(index))) }
      }
    }
    return isSealed ? bytes + Array("\(Self.seal)\(SHA256.digest(of: bytes))\n".utf8) : bytes
  }

  /// Any bit or byte, a number that sizes and offsets fear, or bytes from elsewhere in the file.
  private func change(_ bytes: inout [UInt8], at place: Int, _ dice: inout Dice) {
    let width = min([1, 2, 4, 8].randomElement(using: &dice) ?? 1, bytes.count - place)
    switch Int.random(in: 0..<6, using: &dice) {
    case 0, 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &dice)
    case 2: bytes[place] = UInt8.random(in: .min ... .max, using: &dice)
    case 3: for offset in 0..<width { bytes[place + offset] = 0xFF }
    case 4: for offset in 0..<width { bytes[place + offset] = offset == width - 1 ? 0x7F : 0xFF }
    default:
      let source = Int.random(in: 0...bytes.count - width, using: &dice)
      for offset in 0..<width { bytes[place + offset] = image[source + offset] }
    }
  }

  /// Blocks that begin with one of HDF5's signatures and fit the checksum behind them.
  private static func summed(_ image: [UInt8]) -> [Range<Int>] {
    let names = "OHDR OCHK FRHP FHDB FHIB BTHD BTLF BTIN FAHD FADB EAHD EAIB EADB"
    let signatures = names.split(separator: " ").map { Array($0.utf8) }
    var found: [Range<Int>] = image.count > 48 && fits(image, 0..<44) ? [0..<44] : []
    for place in 0..<max(0, image.count - 8) where signatures.contains(Array(image[place..<place + 4])) {
      let ends = place + 4...min(place + 8192, image.count - 4)
      if let end = ends.first(where: { fits(image, place..<$0) }) { found.append(place..<end) }
    }
    return found
  }

  private static func fits(_ image: [UInt8], _ range: Range<Int>) -> Bool {
    let stored = (0..<4).reduce(UInt32(0)) { $0 | UInt32(image[range.upperBound + $1]) << (8 * UInt32($1)) }
    return Superblock.checksum(Array(image[range])) == stored
  }
}
