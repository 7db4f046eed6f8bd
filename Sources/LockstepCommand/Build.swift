import HDF5Files
import Lockstep

/// The program that is running.
enum Build {
  static let version = "0.2.0"

  /// A checksum of the executable, by which ranks of different builds are told apart.
  static func digest() throws -> String {
    let program = try InputFile.bytes(of: "/proc/self/exe")
    return "\(program.count) bytes, CRC \(program.withUnsafeBytes(Checksum.crc32))"
  }
}
