import Foundation
import HDF5Files
import Tensors
import Testing

@testable import Datasets
@testable import TestSupport

@Suite struct ArrayFileTests {
  /// A file as four lines of h5py make it: nothing but the attribute `task`.
  private func file(
    _ folder: TemporaryFolder, task: String = "arrays", _ build: (HDF5File) throws -> Void
  ) throws -> String {
    let file = try HDF5File.inMemory()
    try file.setAttribute("task", of: "/", to: .string(task))
    if task != "arrays" { try file.setAttribute("lockstep_format", of: "/", to: .int(1)) }
    try build(file)
    return try folder.put(file.image(), "a.h5")
  }

  private func open(_ build: (HDF5File) throws -> Void) throws -> ArrayFile {
    let folder = try TemporaryFolder()
    return try #require(try ArrayFile.open(file(folder, build)))
  }

  private func check<T: HDF5Element & Equatable>(_ numbers: [T], _ expected: [Float]) throws {
    let file = try open { try $0.write(numbers, shape: [numbers.count / 2, 2], to: "/train/inputs") }
    let rows = try file.streamed("train").batch(Array((0..<numbers.count / 2).reversed())).inputs
    #expect(rows.shape == [numbers.count / 2, 2])
    let found = try rows.floats()
    var wanted: [UInt32] = []
    for row in stride(from: expected.count - 2, through: 0, by: -2) {
      wanted += [expected[row].bitPattern, expected[row + 1].bitPattern]
    }
    #expect(found.map(\.bitPattern) == wanted, "\(T.self)")
  }

  @Test func everyTypeBecomesFloat32() throws {
    try check([Int8.min, -1, 0, .max], [-128, -1, 0, 127])
    try check([Int16.min, .max], [-32768, 32767])
    try check([Int32.min, .max], [Float(Int32.min), Float(Int32.max)])
    try check([Int64.min, 1 << 60 + 1], [Float(Int64.min), Float(1 << 60 + 1)])
    try check([UInt8.min, .max], [0, 255])
    try check([UInt16.min, .max], [0, 65535])
    try check([UInt32.min, .max], [0, Float(UInt32.max)])
    try check([UInt64.min, .max], [0, Float(UInt64.max)])
    try check([Float.leastNonzeroMagnitude, -1.5], [Float.leastNonzeroMagnitude, -1.5])
    try check([1.0 / 3, -1e-300], [Float(1.0 / 3), -0.0])
  }

  /// All 65,536 of them, but those that are not finite, against Swift's own conversion.
  @Test func everyHalf() throws {
    let all: [Float16] = (0...UInt16.max).map { Float16(bitPattern: $0) }.filter(\.isFinite)
    try check(all, all.map { Float($0) })
    var numbers = [Float](repeating: 0, count: 4)
    let odd: [UInt16] = [0x7C00, 0xFC00, 0x7E00, 0x7C01]
    odd.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      ArrayElement.float16.decode(base, 4, into: &numbers)
    }
    #expect(numbers[0] == .infinity && numbers[1] == -.infinity && numbers[2].isNaN && numbers[3].isNaN)
  }

  @Test func bfloat16() throws {
    let file = try open { file in
      try file.write([0x3F80, 0xC040] as [UInt16], shape: [2], to: "/train/inputs")
      try file.setAttribute("dtype", of: "/train/inputs", to: .string("bfloat16"))
    }
    #expect(try file.element("train") == .bfloat16)
    #expect(try file.streamed("train", shape: [1]).batch([0, 1]).inputs.floats() == [1, -3])
  }

  @Test func classesNumbersAndNothing() throws {
    let classes = try open { file in
      try file.write([Float](repeating: 0, count: 12), shape: [3, 2, 2], to: "/train/inputs")
      try file.write([1, 0, 2] as [UInt8], shape: [3, 1], to: "/train/targets")
      try file.write([Float](repeating: 0, count: 4), shape: [1, 2, 2], to: "/test/inputs")
    }
    #expect(classes.outputs == .classes(3))
    #expect(classes.classNames == ["0", "1", "2"])
    #expect(classes.inputShape == [2, 2])
    #expect(classes.splitNames == ["train", "test"] && !classes.isLabelled("test"))
    #expect(try classes.streamed("train").batch([0, 2]).targets.values(as: Int64.self) == [1, 2])

    let numbers = try open { file in
      try file.write([1, 2] as [Int32], shape: [2, 1], to: "/train/inputs")
      try file.write([1, 2, 3, 4, 5, 6] as [Float16], shape: [2, 3], to: "/train/targets")
    }
    #expect(numbers.outputs == .numbers(3))
    let batch = try numbers.streamed("train").batch([1])
    #expect(batch.targets.shape == [1, 3])
    #expect(try batch.targets.floats() == [4, 5, 6])

    let none = try open { try $0.write([1, 2] as [Int32], shape: [2, 1], to: "/train/inputs") }
    #expect(none.outputs == .unknown && !none.isLabelled("train"))
  }

  /// The mean of all weights is 1, so that the divisor stays the number of samples.
  @Test func weights() throws {
    let file = try open { file in
      try file.write([1, 2, 3, 4] as [Int32], shape: [4, 1], to: "/train/inputs")
      try file.write([0, 1, 1, 0] as [Int8], shape: [4], to: "/train/targets")
      try file.write([2, 0, 4, 2] as [Float16], shape: [4], to: "/train/weights")
    }
    let dataset = try file.streamed("train")
    let found = try dataset.batch([3, 2, 1]).weights?.floats()
    #expect(found == [1, 2, 0] as [Float])
    #expect(dataset.weight(of: [0, 1, 2]) == 3)
    let part = Subset(dataset, [2, 3])
    let ofPart = try part.batch([1, 0]).weights?.floats()
    #expect(ofPart == [1, 2] as [Float])
    let third = Float(2.0 / 3)
    #expect(SampleWeights.balanced([0, 1, 1, 1]) == [2, third, third, third])
  }

  @Test func floatImages() throws {
    let folder = try TemporaryFolder()
    let path = try file(folder, task: "classification") { file in
      try file.setAttribute("class_names", of: "/", to: .strings(["cat", "dog", "cow"]))
      try file.write([Float16](repeating: 0.5, count: 2 * 12), shape: [2, 3, 2, 2], to: "/train/images")
      try file.write([1, 0] as [Int64], shape: [2], to: "/train/labels")
    }
    let images = try #require(try ArrayFile.open(path))
    #expect(images.layout == .images && images.classNames == ["cat", "dog", "cow"])
    #expect(try images.streamed("train").batch([0]).inputs.shape == [1, 3, 2, 2])
    // Those of bytes are left to the file of images.
    let other = try file(folder, task: "classification") { file in
      try file.write([UInt8](repeating: 0, count: 8), shape: [2, 1, 2, 2], to: "/train/images")
    }
    #expect(try ArrayFile.open(other) == nil)
  }

  /// A file that must be refused, and what the line of the refusal says.
  struct Bad: Sendable {
    let words: String
    let build: @Sendable (HDF5File) throws -> Void
    init(_ words: String, _ build: @escaping @Sendable (HDF5File) throws -> Void) {
      (self.words, self.build) = (words, build)
    }
    /// Two samples of one number, and what else there is.
    static func beside(_ words: String, _ build: @escaping @Sendable (HDF5File) throws -> Void) -> Bad {
      Bad(words) { file in
        try file.write([1, 2] as [Float], shape: [2, 1], to: "/train/inputs")
        try build(file)
      }
    }
  }

  static let bad: [Bad] = [
    Bad("/train/inputs: row 1, number 0: nan is no finite number") {
      try $0.write([1, 2, .nan, 4] as [Float], shape: [2, 2], to: "/train/inputs")
    },
    Bad("row 1: inf is no finite") { try $0.write([1, 1e300] as [Double], shape: [2, 1], to: "/train/inputs") },
    Bad("row 1: inf") { try $0.write([1, .infinity] as [Float16], shape: [2, 1], to: "/train/inputs") },
    .beside("/train/targets: row 1: nan") { try $0.write([1, .nan] as [Float], shape: [2], to: "/train/targets") },
    .beside("/train/targets: has 1 rows, but /train/inputs has 2") {
      try $0.write([1] as [Float], shape: [1], to: "/train/targets")
    },
    .beside("expected classes from 0 to 2, but 0 never occurs") {
      try $0.write([1, 2] as [Int8], shape: [2], to: "/train/targets")
    },
    .beside("row 1: expected a label in 0...65535, found -1") {
      try $0.write([0, -1] as [Int8], shape: [2], to: "/train/targets")
    },
    .beside("row 1: expected a label in 0...65535") {
      try $0.write([0, 1 << 40] as [Int64], shape: [2], to: "/train/targets")
    },
    .beside("integers are classes, one for each sample") {
      try $0.write([0, 1, 0, 1] as [Int64], shape: [2, 2], to: "/train/targets")
    },
    .beside("/train/weights: row 1: expected a finite weight of 0 or more, found -2.0") {
      try $0.write([1, -2] as [Float], shape: [2], to: "/train/weights")
    },
    .beside("all weights are 0") { try $0.write([0, 0] as [Float], shape: [2], to: "/train/weights") },
    .beside("/train/weights: expected the shape [2]") {
      try $0.write([1] as [Float], shape: [1], to: "/train/weights")
    },
    .beside("/test/inputs: expected samples of [1] as in the others, found [2]") {
      try $0.write([1, 2] as [Float], shape: [1, 2], to: "/test/inputs")
    },
    Bad("/train/inputs: expected numbers, found text") { try $0.writeStrings(["a"], to: "/train/inputs") },
    Bad("expected the shape [n, …]") { try $0.write([1] as [Float], shape: [], to: "/train/inputs") },
    Bad("holds no split") { _ in },
    .beside("lockstep_format: expected 1, found 7") { try $0.setAttribute("lockstep_format", of: "/", to: .int(7)) },
  ]

  @Test(arguments: bad) func badFiles(_ bad: Bad) throws {
    let found = message {
      let file = try open(bad.build)
      for name in file.splitNames {
        let samples = try file.streamed(name)
        _ = try samples.batch(Array(0..<samples.count))
      }
    }
    #expect(found?.contains(bad.words) == true, "\(found ?? "nothing")")
  }
}
