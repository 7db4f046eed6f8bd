import Glibc
import HDF5Files
import Lockstep

/// What `launch/torture` does in one process, as starting one for each of many thousand files would take days.
///
/// ```
/// Torture flips FILE STATUS FROM STRIDE      each STRIDE-th bit of FILE flipped, then each STRIDE-th truncation
/// Torture hostile FILE STATUS FROM COUNT SEED     COUNT mutations of FILE, with checksums that fit again
/// ```
/// STATUS holds the numbers of `Status`, so that the driver knows them, and where to go on, should the process die; then
/// STATUS.h5 is the file that it died of.
@main enum Torture {
  static func main() throws {
    let words = CommandLine.arguments
    guard words.count >= 6, let from = Int(words[4]), let number = Int(words[5]), number > 0 else { return usage() }
    let status = try Status(words[3], from: from)
    let subject = try Subject(words[2], place: words[3] + ".h5")
    switch words[1] {
    case "flips": try flips(subject, stride: number, status)
    case "hostile":
      guard words.count == 7, let seed = UInt64(words[6]) else { return usage() }
      try hostile(subject, count: number, seed: seed, status)
    default: usage()
    }
  }

  private static func usage() {
    StandardOutput.error("usage: Torture flips FILE STATUS FROM STRIDE | hostile FILE STATUS FROM COUNT SEED")
    exit(64)
  }

  /// Every flip, then every truncation.
  private static func flips(_ subject: Subject, stride: Int, _ status: Status) throws {
    let bits = subject.bytes.count * 8
    let flips = (bits + stride - 1) / stride
    let cuts = (subject.bytes.count + stride - 1) / stride
    for index in status.next..<max(status.next, flips + cuts) {
      var bytes = subject.bytes
      if index < flips {
        bytes[index * stride / 8] ^= 1 << UInt8(index * stride % 8)
      } else {
        bytes = Array(bytes[..<((index - flips) * stride)])
      }
      try status.record(index, subject.outcome(of: bytes))
    }
  }

  private static func hostile(_ subject: Subject, count: Int, seed: UInt64, _ status: Status) throws {
    let mutator = Mutator(subject.bytes)
    for index in status.next..<max(status.next, count) {
      // A generator for each file: any of them can be made again without those before.
      var dice = Dice(seed: seed, index: index)
      try status.record(index, subject.outcome(of: mutator.mutation(&dice)))
    }
  }
}
