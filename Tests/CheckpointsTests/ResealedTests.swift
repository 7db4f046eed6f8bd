import HDF5Files
import Testing

@testable import Checkpoints
@testable import TestSupport

/// Checkpoints that somebody changed and sealed again: whatever the bytes are, an error or a checkpoint, and never a trap.
///
/// `LOCKSTEP_RESEALED` names how many are made; a long run takes another seed's.
@Suite struct ResealedTests {
  /// Marsaglia's xorshift, so that each run makes the same files.
  private struct Dice: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state
    }
  }

  /// Some bytes changed: any, or numbers that sizes and offsets fear.
  private func mutated(_ image: [UInt8], _ dice: inout Dice) -> [UInt8] {
    var bytes = image
    for _ in 0..<Int.random(in: 1...6, using: &dice) {
      let place = Int.random(in: 0..<bytes.count - 8, using: &dice)
      switch Int.random(in: 0..<4, using: &dice) {
      case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &dice)
      case 1: bytes[place] = UInt8.random(in: .min ... .max, using: &dice)
      case 2: for offset in 0..<8 { bytes[place + offset] = 0xFF }
      default: for offset in 0..<8 { bytes[place + offset] = offset == 7 ? 0x7F : 0xFF }
      }
    }
    return bytes
  }

  @Test func changedAndSealedAgain() throws {
    let good = try CheckpointFile.encode(oddCheckpoint())
    let image = Array(good[..<(good.count - CheckpointFile.sealCount)])
    var dice = Dice(state: 0x5EED)
    var (refused, read) = (0, 0)
    for _ in 0..<400 {
      let bytes = CheckpointFile.sealed(mutated(image, &dice))
      do {
        _ = try CheckpointFile.decode(bytes, "c.h5").modelDigest()
        read += 1
      } catch { refused += 1 }
    }
    // Bytes between objects do no harm; all others are found, or are numbers of a tensor without a checksum of its own.
    #expect(refused > 200, "\(refused) refused, \(read) read")
  }
}
