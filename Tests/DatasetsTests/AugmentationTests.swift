import Foundation
import HDF5Files
import Testing

@testable import Datasets
@testable import TestSupport

/// Images of floats that say which sample they are, in chunks.
private struct Ramp: StreamingDataset {
  let layout: ChunkLayout
  var loadsInParallel: Bool { false }

  init(_ count: Int, rows: Int) {
    layout = ChunkLayout(count: count, rows: rows, columns: [MemoryLayout<Float>.stride, 8])
  }

  func load(_ samples: Range<Int>, into chunk: ChunkBuffer) throws {
    for sample in samples {
      chunk.row(of: sample, as: Float.self)[0] = Float(sample)
      chunk.row(of: sample, column: 1, as: Int64.self)[0] = Int64(sample)
    }
  }

  func batch(_ loaded: LoadedSamples, epoch: Int) throws -> Batch {
    Batch(
      inputs: loaded.tensor(shape: [1], as: Float.self),
      targets: loaded.tensor(column: 1, shape: [], as: Int64.self).reshaped([loaded.count]), samples: loaded.samples)
  }
}

@Suite struct AugmentationTests {
  @Test func textsAreReadAndWritten() throws {
    let all = try #require(Augmentation(text: "flip,crop:4,mixup:0.2,cutout:8,jitter:0.25,rotate:15"))
    #expect(all == Augmentation(cropPadding: 4, flips: true, rotation: 15, jitter: 0.25, cutout: 8, mixup: 0.2))
    #expect(all.text == "crop:4,flip,rotate:15,jitter:0.25,cutout:8,mixup:0.2")
    #expect(Augmentation(text: all.text) == all)
    for wrong in [
      "", "crop", "crop:", "crop:0", "crop:-1", "crop:1.5", "crop:1025", "crop:1e30", "flip:1", "flip,flip",
      "crop:1,crop:2",
      "cutout:nan", "rotate:181", "jitter:1.1", "mixup:0", "mixup:1.5", "mixup:inf", "shear:2", "crop:4,",
    ] { #expect(Augmentation(text: wrong) == nil, "\(wrong)") }
    let coded = try JSONDecoder().decode(Augmentation.self, from: JSONEncoder().encode(all))
    #expect(coded == all)
    let old = try JSONDecoder().decode(Augmentation.self, from: Data(#"{"cropPadding":2,"flips":true}"#.utf8))
    #expect(old == Augmentation(cropPadding: 2, flips: true))
    #expect(throws: DecodingError.self) { try JSONDecoder().decode(Augmentation.self, from: Data(#""crop:x""#.utf8)) }
  }

  private func places(_ change: ImageChange, _ height: Int, _ width: Int) -> [Int32] {
    var places = [Int32](repeating: -7, count: height * width)
    places.withUnsafeMutableBufferPointer {
      if let start = $0.baseAddress { change.places(ImageSize(height, width), into: start) }
    }
    return places
  }

  /// Quarter turns, where nothing is lost.
  @Test func turnsAboutTheCentre() {
    let still = ImageChange(down: 0, right: 0, isFlipped: false)
    #expect(places(still, 2, 3) == [0, 1, 2, 3, 4, 5])
    var change = still
    change.turn = (0, -1)
    #expect(places(change, 2, 3) == [5, 4, 3, 2, 1, 0])
    change.turn = (1, 0)
    #expect(places(change, 3, 3) == [6, 3, 0, 7, 4, 1, 8, 5, 2])
    // Of a wide image a quarter turn shows what lies in the square in its middle.
    #expect(places(change, 1, 3) == [-1, 1, -1])
  }

  /// A hole lies anywhere with its centre, cut off at the edges, in the image as it is shown.
  @Test func holes() {
    var change = ImageChange(down: 0, right: 1, isFlipped: false)
    change.hole = (2, 0.5, 0.99)
    #expect(places(change, 4, 4) == [1, 2, 3, -1, 5, 6, -1, -1, 9, 10, -1, -1, 13, 14, 15, -1])
    for (side, hidden) in [(1, 1), (3, 4), (100, 16)] {
      change = ImageChange(down: 0, right: 0, isFlipped: false)
      change.hole = (side, 0, 0)
      #expect(places(change, 4, 4).count { $0 < 0 } == hidden, "\(side)")
    }
  }

  /// A change that is added leaves the draws of the others as they were.
  @Test func drawsAreIndependent() {
    let few = Augmentation(cropPadding: 4, flips: true)
    let more = Augmentation(cropPadding: 4, flips: true, rotation: 10, jitter: 0.1, cutout: 3, mixup: 1)
    var angles: Set<Double> = []
    for sample in 0..<200 {
      let (a, b) = (few.draw(seed: 5, epoch: 1, sample: sample), more.draw(seed: 5, epoch: 1, sample: sample))
      #expect(a.down == b.down && a.right == b.right && a.isFlipped == b.isFlipped)
      #expect(abs(b.brightness - 1) <= 0.1 && abs(b.contrast - 1) <= 0.1 && b.changesValues && !a.changesValues)
      angles.insert(b.turn?.sine ?? 0)
    }
    #expect(angles.count == 200 && (angles.min() ?? 0) < -0.15 && (angles.max() ?? 0) > 0.15)
    #expect(angles.allSatisfy { abs($0) <= 0.1737 })
  }

  /// As `torchvision.transforms.functional` has it: `adjust_brightness`, then `adjust_contrast` about the mean grey value, both on
  /// floats: `v·b` and `c·(v - m) + m`, cut to 0…1.
  @Test func brightnessAndContrast() throws {
    var change = ImageChange(down: 0, right: 0, isFlipped: false)
    (change.brightness, change.contrast) = (0.5, 2)
    #expect(change.value(0.5, mean: 0.5) == 0.25)
    #expect(change.value(1, mean: 0.5) == 0.75)
    #expect(change.value(0, mean: 0.5) == 0)
    let split = ImageSplit(
      images: [UInt8](repeating: 100, count: 48), labels: [0], channels: 3, height: 4, width: 4)
    let normalization = Normalization(means: [0.5, 0.25, 0], deviations: [0.5, 1, 2])
    let data = try ImageDataset(
      split, ImageTransform(augmentation: Augmentation(jitter: 0.5), seed: 2, normalization: normalization))
    // An image of one colour has no contrast: only brightness changes it, before it is normalised.
    let values = try data.batch([0], epoch: 3).inputs.floats()
    let bright = Float(100) / 255 * Augmentation(jitter: 0.5).draw(seed: 2, epoch: 3, sample: 0).brightness
    for channel in 0..<3 {
      let wanted = (bright - normalization.means[channel]) / normalization.deviations[channel]
      #expect(values[channel * 16..<(channel + 1) * 16].allSatisfy { abs($0 - wanted) < 1e-6 })
    }
  }

  // MARK: Mixup

  /// Whoever loads which part: the same blends, streamed in windows or in memory, of every sample with the next.
  @Test func blendsAreTheSameHoweverTheyAreLoaded() throws {
    let (count, batchSize) = (61, 16)
    var whole: [Int: [[Float]]] = [:]
    for (memory, cuts) in [(1 << 20, [1]), (1 << 20, [2, 3]), (512, [1, 2]), (512, [1])] {
      let source = Ramp(count, rows: 4)
      var options = StreamingOptions(memory: memory)
      (options.shuffling, options.window) = (.windowed, source.layout.memoryBytes * 2)
      let streamed = try Streamed(source, options)
      #expect(streamed.isResident == (memory > 512))
      let data = Mixed(streamed, alpha: 0.4, seed: 3)
      let sampler = Sampler(of: data, batchSize: batchSize, seed: 3)
      for epoch in 0..<2 {
        let order = sampler.order(epoch: epoch).samples
        let loader = Loader(data, sampler, epoch: epoch) { count in
          let edges = [0] + cuts.map { count * $0 / (cuts.count + 1) } + [count]
          return zip(edges, edges.dropFirst()).map { $0..<$1 }
        }
        defer { loader.cancel() }
        var all: [[Float]] = []
        while let batch = try loader.next() {
          for slice in batch.slices where !slice.samples.isEmpty {
            let mixture = try #require(slice.mixture)
            let (inputs, shares) = (try slice.inputs.floats(), try mixture.shares.floats())
            let (own, others) = (try slice.targets.values(as: Float.self), try mixture.targets.values(as: Float.self))
            #expect(own == slice.samples.map { Float($0) } && shares.allSatisfy { (0...1).contains($0) })
            for row in own.indices {
              #expect(inputs[row] == own[row] * shares[row] + others[row] * (1 - shares[row]))
              all.append([own[row], others[row], shares[row]])
            }
          }
        }
        #expect(all.map { Int($0[0]) } == order && all.map { Int($0[1]) } == order.dropFirst() + [order[count - 1]])
        #expect(all.last?[2] == 1)
        if let known = whole[epoch] { #expect(known == all, "\(memory) \(cuts)") } else { whole[epoch] = all }
      }
    }
    #expect(whole[0] != whole[1])
  }

  /// Mean and variance of Beta(α, α): 1/2 and 1 / (8α + 4).
  @Test(arguments: [0.1, 0.4, 1]) func sharesAreOfABetaDistribution(_ alpha: Double) throws {
    let data = Mixed(
      ImageDataset(
        ImageSplit(
          images: [UInt8](repeating: 0, count: 4001), labels: [Int32](repeating: 0, count: 4001), channels: 1,
          height: 1, width: 1)), alpha: alpha, seed: 1)
    let order = Sampler(of: data, batchSize: 4001).order(epoch: 0)
    let batch = try data.batch(order[0..<4000], at: 0..<4000, of: order, epoch: 0)
    let shares = try #require(batch.mixture).shares.values(as: Double.self)
    let mean = shares.reduce(0, +) / 4000
    let variance = shares.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 4000
    #expect(abs(mean - 0.5) < 0.03, "\(mean)")
    #expect(abs(variance - 1 / (8 * alpha + 4)) < 0.01, "\(variance)")
  }

  // MARK: PNG

  @Test(arguments: [1, 3]) func picturesAreReadBack(_ channels: Int) throws {
    let picture = Picture(size: ImageSize(5, 7), channels: channels, pixels: fixturePixels(35 * channels, seed: 4))
    #expect(try ImageFile.picture(picture.png(), "memory") == picture)
    let floats = picture.pixels.map { Float($0) / 255 }
    #expect(Picture(floats, channels: channels, ImageSize(5, 7)) == picture)
    #expect(Picture(floats, channels: 2, ImageSize(5, 7)) == nil)
    let large = picture.enlarged(by: 2)
    #expect(
      large.size == ImageSize(10, 14) && large.pixels[0] == picture.pixels[0] && large.pixels[15] == picture.pixels[0])
    let grid = try #require(Picture(grid: [picture, picture, large.resized(to: picture.size)], columns: 2))
    #expect(grid.size == ImageSize(10, 14) && grid.pixels[7] == picture.pixels[0])
    #expect(Picture(grid: [picture, large], columns: 2) == nil && Picture(grid: [], columns: 2) == nil)
  }
}
