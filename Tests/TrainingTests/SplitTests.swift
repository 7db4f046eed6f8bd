import Foundation
import HDF5Files
import Networks
import Tensors
import Testing

@testable import Datasets
@testable import TestSupport
@testable import Training

@Suite struct SplitTests {
  private func settings(_ change: (inout SplitSettings) -> Void) -> SplitSettings {
    var settings = SplitSettings()
    change(&settings)
    return settings
  }

  @Test(arguments: [0.1, 0.25, 0.5, 0.99], [1, 7, 100]) func eachSampleOnceAndBySeedAlone(
    _ fraction: Double, _ count: Int
  ) throws {
    let settings = settings { $0.validation = fraction }
    let first = try HeldBack(settings, count: count, nil, seed: 3)
    #expect((first.train + first.validation).sorted() == Array(0..<count))
    #expect(first.validation.count == Int((fraction * Double(count)).rounded(.up)))
    #expect(first.train == first.train.sorted() && first.validation == first.validation.sorted())
    #expect(try HeldBack(settings, count: count, nil, seed: 3) == first)
    if count == 100 { #expect(try HeldBack(settings, count: count, nil, seed: 4) != first) }
  }

  /// 90 of class 0, 9 of class 1, 1 of class 2: of a third each class gives a third, but for rounding.
  @Test func stratified() throws {
    let labels = (0..<100).map { Int32($0 % 10 == 9 ? ($0 == 99 ? 2 : 1) : 0) }
    let settings = settings { ($0.validation, $0.stratify) = (1.0 / 3, true) }
    let held = try HeldBack(settings, count: 100, labels, seed: 0)
    #expect((held.train + held.validation).sorted() == Array(0..<100))
    let counts = (0..<3).map { kind in held.validation.count { labels[$0] == Int32(kind) } }
    #expect(held.validation.count == 34)
    #expect(counts[0] == 31 || counts[0] == 30)
    #expect(counts[1] == 3)
    #expect(message { _ = try HeldBack(self.settings { $0.stratify = true }, count: 100, labels, seed: 0) } != nil)
  }

  /// Twelve samples of two numbers: classes 0, 0, 0, 1 over and over.
  private func data(_ folder: TemporaryFolder) throws -> any TaskData {
    let file = try HDF5File.inMemory()
    try file.setAttribute("task", of: "/", to: .string("arrays"))
    for (split, count) in [("train", 12), ("test", 8)] {
      try file.write((0..<2 * count).map { Float($0) }, shape: [count, 2], to: "/\(split)/inputs")
      try file.write((0..<count).map { UInt8($0 % 4 / 3) }, shape: [count], to: "/\(split)/targets")
    }
    let path = try folder.put(file.image(), "a.h5")
    let entry = ModelEntry("flat", .classification, inputShape: [2], flattens: true) { _ in Linear(2, 2) }
    return try ClassificationTask().open(path, for: entry, Configuration(model: "flat"))
  }

  @Test func splitsOfAFile() throws {
    let folder = try TemporaryFolder()
    let data = try data(folder)
    var configuration = Configuration(model: "flat")
    #expect(try Splits(data, configuration).train.count == 12)
    (configuration.validation, configuration.stratify, configuration.trainFirst) = (0.25, true, 8)
    configuration.limit = 5
    var splits = try Splits(data, configuration)
    #expect(splits.train.count == 3 && splits.validation?.count == 2 && splits.test?.count == 5)
    configuration.limit = nil
    configuration.classWeights = .balanced
    splits = try Splits(data, configuration)
    #expect(splits.train.count == 6 && splits.validation?.count == 2 && splits.test?.count == 8)
    let batch = try splits.weighted.batch(Array(0..<6))
    let labels = try batch.targets.values(as: Int64.self)
    let ones = labels.count { $0 == 1 }
    #expect(ones > 0)
    let weights = try #require(try batch.weights?.floats())
    for (label, weight) in zip(labels, weights) {
      #expect(weight == Float(6.0 / (2 * Double(label == 1 ? ones : 6 - ones))))
    }
    // The inputs are those of the samples of the file, in its order, none of them twice.
    let seen = try batch.inputs.floats() + #require(splits.validation).batch([0, 1]).inputs.floats()
    #expect(seen.sorted() == (0..<16).map { Float($0) })
    #expect(try splits.weighted.digest != splits.train.digest)

    configuration = Configuration(model: "flat")
    (configuration.validation, configuration.trainFirst) = (0.5, 1)
    #expect(message { _ = try Splits(data, configuration) }?.contains("leaves none of 1 samples") == true)
  }

  /// A weight of 2 counts as a sample that is there twice.
  @Test func weightedLosses() throws {
    let logits = Tensor([1, 2, 3, 0.5, -1, 2] as [Float], shape: [2, 3])
    var batch = Batch(inputs: logits, targets: Tensor([0, 2] as [Int64]), samples: [0, 1])
    let plain = crossEntropy(logits, batch.targets, reduction: .none)
    let losses = try plain.floats()
    batch.weights = Tensor([2, 0.5] as [Float])
    let (sum, totals) = try Classification().loss(of: logits, on: batch)
    #expect(abs(try sum.item() - Double(2 * losses[0] + 0.5 * losses[1])) < 1e-5)
    #expect(totals.weight == 2)

    let predictions = Tensor([1, 2, 3, 4] as [Float], shape: [2, 2])
    var numbers = Batch(inputs: predictions, targets: Tensor.zeros([2, 2]), samples: [0, 1])
    #expect(try Regression().loss(of: predictions, on: numbers).sum.item() == (1 + 4 + 9 + 16) / 2)
    numbers.weights = Tensor([2, 0] as [Float])
    #expect(try Regression().loss(of: predictions, on: numbers).sum.item() == 2 * (1 + 4) / 2)
  }
}
