/// Bytes as visible characters, so that any bytes can be spelt in UTF-8: those that print stand for themselves, the others for
/// what follows on U+0100, a blank for `Ġ` say. Source: GPT-2's `bytes_to_unicode`.
enum ByteAlphabet {
  /// All bytes in the order of their characters, which is that of their tokens' numbers.
  static let bytes: [UInt8] = {
    let all = UInt8.min...UInt8.max
    return all.filter(isVisible) + all.filter { !isVisible($0) }
  }()
  /// By the byte.
  static let characters: [Unicode.Scalar] = {
    var result = [Unicode.Scalar](repeating: " ", count: 256)
    var next = UInt32(0x100)
    for byte in bytes {
      if isVisible(byte) {
        result[Int(byte)] = Unicode.Scalar(byte)
      } else {
        result[Int(byte)] = Unicode.Scalar(next) ?? " "
        next += 1
      }
    }
    return result
  }()
  private static let bytesOfCharacters = Dictionary(
    uniqueKeysWithValues: bytes.map { (characters[Int($0)], $0) })

  /// A token for each byte, as a vocabulary has it.
  static var tokens: [String] { bytes.map { String(Character(characters[Int($0)])) } }

  /// What a token of such characters stands for; nil for one with another character.
  static func bytes(of token: String) -> [UInt8]? {
    var result: [UInt8] = []
    for scalar in token.unicodeScalars {
      guard let byte = bytesOfCharacters[scalar] else { return nil }
      result.append(byte)
    }
    return result
  }

  private static func isVisible(_ byte: UInt8) -> Bool {
    (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || byte >= 0xAE
  }
}
