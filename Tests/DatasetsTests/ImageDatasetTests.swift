import Datasets
import HDF5Files
import Tensors
import Testing

@testable import TestSupport

/// An image that both sides compute, resized by Pillow (`Fixtures/make_fixtures.py`).
private struct ResizeCase: Decodable, Sendable {
  let from, to: [Int]
  let sha256: String
  let firstPixels: [Int]
}

/// The fixtures' linear congruential numbers.
func fixturePixels(_ count: Int, seed: Int) -> [UInt8] {
  var state = UInt32(truncatingIfNeeded: seed)
  return (0..<count).map { _ in
    state = state &* 1_664_525 &+ 1_013_904_223
    return UInt8(state >> 24)
  }
}

@Suite struct ImageDatasetTests {
  @Test func resizingIsPillowsToTheLastBit() throws {
    for fixture in try ImageFixture.load("resizing", ResizeCase.self) {
      let (height, width) = (fixture.from[0], fixture.from[1])
      let image = fixturePixels(height * width, seed: height * 1000 + width)
      let resizer = ImageResizer(from: ImageSize(height, width), to: ImageSize(fixture.to[0], fixture.to[1]))
      let resized = resizer.resize(image, channels: 1)
      #expect(resized.prefix(12).map(Int.init) == fixture.firstPixels, "\(fixture.from) to \(fixture.to)")
      #expect(SHA256.digest(of: resized) == "sha256:\(fixture.sha256)", "\(fixture.from) to \(fixture.to)")
      let twice = resizer.resize(image + image, channels: 2)
      #expect(twice == resized + resized)
    }
  }

  private func split(channels: Int = 2, side: Int = 5, count: Int = 40) -> ImageSplit {
    let pixels = fixturePixels(count * channels * side * side, seed: 9)
    return ImageSplit(
      images: pixels, labels: (0..<count).map { Int32($0) }, channels: channels, height: side, width: side)
  }

  @Test func resizesNormalisesAndKeepsLabels() throws {
    let split = split()
    let normalization = Normalization(means: [0.5, 0.25], deviations: [0.5, 2])
    let transform = ImageTransform(size: ImageSize(8, 6), normalization: normalization)
    let batch = try ImageDataset(split, transform).batch([7, 3])
    #expect(batch.inputs.shape == [2, 2, 8, 6])
    #expect(try batch.targets.values(as: Int64.self) == [7, 3])
    let resizer = ImageResizer(from: ImageSize(5, 5), to: ImageSize(8, 6))
    let bytes = [7, 3].flatMap { resizer.resize(Array(split.images[$0 * 50..<($0 + 1) * 50]), channels: 2) }
    let wanted = bytes.enumerated().map { index, byte in
      index / 48 % 2 == 0 ? (Float(byte) / 255 - 0.5) / 0.5 : (Float(byte) / 255 - 0.25) / 2
    }
    #expect(try batch.inputs.floats() == wanted)
    #expect(throws: TensorError.self) { try ImageDataset(self.split(channels: 3), transform) }
  }

  /// Where the cut lies and whether it is mirrored is found again from the pixels themselves.
  @Test func cropsAndFlipsBySampleAndEpoch() throws {
    let split = split(channels: 1)
    let data = try ImageDataset(
      split, ImageTransform(augmentation: Augmentation(cropPadding: 2, flips: true), seed: 3))
    var seen: Set<String> = []
    for epoch in 0..<5 {
      let all = try data.batch(Array(0..<40), epoch: epoch).inputs.floats()
      for sample in 0..<40 {
        let found = Array(all[sample * 25..<(sample + 1) * 25])
        let image = split.images[sample * 25..<(sample + 1) * 25].map { Float($0) / 255 }
        let place = try #require(self.move(of: found, from: image), "sample \(sample) is no cut of its image")
        seen.insert(place)
      }
    }
    // 25 places, mirrored or not: of 200 draws about 49 of the 50.
    #expect(seen.count > 40)
    let alone = try data.batch([31], epoch: 2).inputs.floats()
    let among = try data.batch([4, 31, 8], epoch: 2).inputs.floats()
    #expect(Array(among[25..<50]) == alone)
    #expect(try data.batch([31], epoch: 3).inputs.floats() != alone)
  }

  private func move(of found: [Float], from image: [Float]) -> String? {
    for down in -2...2 {
      for right in -2...2 {
        for isFlipped in [false, true] {
          let wanted = (0..<25).map { i -> Float in
            let (y, x) = (i / 5 + down, (isFlipped ? 4 - i % 5 : i % 5) + right)
            return 0..<5 ~= y && 0..<5 ~= x ? image[y * 5 + x] : 0
          }
          if wanted == found { return "\(down) \(right) \(isFlipped)" }
        }
      }
    }
    return nil
  }

  @Test func normalizationIsMeasured() throws {
    let split = ImageSplit(
      images: [0, 255, 10, 10, 255, 0, 10, 10], labels: [0, 1], channels: 2, height: 1, width: 2)
    #expect(Normalization(of: split) == Normalization(means: [0.5, 10 / 255], deviations: [0.5, 1]))
  }
}
