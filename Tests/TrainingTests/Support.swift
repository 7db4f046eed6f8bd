import Foundation
import Lockstep
import Testing

/// A folder for one test's files, removed when the test has ended.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("lockstep-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { "\(path)/\(name)" }
  var names: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() } }
}

/// Numbers that a test can repeat (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Small square images of ten classes; class c is brighter in the c-th tenth of the pixels.
func smallImages(_ count: Int, side: Int = 8, seed: UInt64 = 1) -> ImageSplit {
  var numbers = SeededNumbers(state: seed)
  let pixels = side * side
  let labels = (0..<count).map { _ in Int32.random(in: 0..<10, using: &numbers) }
  var images = [UInt8](repeating: 0, count: count * pixels)
  for (row, label) in labels.enumerated() {
    for i in 0..<pixels {
      let isBright = i * 10 / pixels == Int(label)
      images[row * pixels + i] = UInt8.random(in: 0..<60, using: &numbers) + (isBright ? 180 : 0)
    }
  }
  return ImageSplit(images: images, labels: labels, channels: 1, height: side, width: side)
}

/// A network for images of 8×8 that trains in no time, with dropout if asked for.
func smallNetwork(dropout: Double = 0) -> Sequential {
  Sequential(Flatten(), Linear(64, 16), ReLU(), Dropout(dropout), Linear(16, 10))
}

func smallConfiguration(epochs: Int = 2, batchSize: Int = 16, learningRate: Double = 0.1) -> Configuration {
  Configuration(model: "small", epochs: epochs, batchSize: batchSize, learningRate: learningRate, seed: 7)
}

/// The bits of a float's neighbourhood don't matter: equal bits or not.
func bits(_ tensor: Tensor) throws -> [UInt32] { try tensor.floats().map(\.bitPattern) }

func digest(_ model: Module) throws -> String { try Checkpoint.digest(model.state) }

/// What `body` throws, in one line; nil when it throws nothing.
func message(of body: () throws -> Void) -> String? {
  do {
    try body()
    return nil
  } catch {
    return "\(error)"
  }
}
