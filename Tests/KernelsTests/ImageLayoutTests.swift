import Kernels
import Testing

@testable import TestSupport

@Suite("Images in blocks of channels")
struct ImageLayoutTests {
  @Test("There and back, element by element, zeros where channels are missing", arguments: [1, 3, 15, 16, 17, 32, 40])
  func thereAndBack(channels: Int) {
    var numbers = SeededNumbers(5)
    let extents = ImageExtents(batch: 3, channels: channels, height: 2, width: 5)
    let plain = numbers.images(extents, .channelsLast)
    let blocked = plain.arranged(extents, .blocked)
    var seen = 0.0
    for image in 0..<3 {
      for channel in 0..<channels {
        for pixel in 0..<10 {
          let value = blocked.pointer[extents.offset(.blocked, image: image, channel: channel, pixel: pixel)]
          #expect(value == plain.pointer[(image * 10 + pixel) * channels + channel])
          seen += Double(abs(value))
        }
      }
    }
    #expect(blocked.values.reduce(0) { $0 + Double(abs($1)) } == seen && blocked.guardsAreIntact)
    extents.unblock(blocked.pointer)
    #expect(Array(blocked.values.prefix(plain.count)) == plain.values && blocked.guardsAreIntact)
  }

  @Test("Clearing the padding leaves the rest", arguments: [3, 16, 20])
  func padding(channels: Int) {
    var numbers = SeededNumbers(6)
    let extents = ImageExtents(batch: 2, channels: channels, height: 3, width: 1)
    let blocked = numbers.images(extents, .blocked)
    let spoilt = GuardedBuffer(blocked.values.map { $0 == 0 ? 7 : $0 })
    extents.clearPadding(spoilt.pointer)
    #expect(spoilt.values == blocked.values && spoilt.guardsAreIntact)
  }
}
