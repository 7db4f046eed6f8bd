import Foundation
import HDF5Files
import Lockstep
import Testing

@testable import Checkpoints
@testable import TestSupport

/// One checkpoint in one file: whole, or refused.
@Suite struct CheckpointFileTests {
  @Test func comesBackBitForBit() throws {
    let folder = try TemporaryFolder()
    let checkpoint = try oddCheckpoint()
    try CheckpointFile.save(checkpoint, to: folder.file("c.h5"))
    let loaded = try CheckpointFile.load(folder.file("c.h5"))
    #expect(try written(loaded) == written(checkpoint))
    #expect(try loaded.modelDigest() == checkpoint.modelDigest())
    #expect(try folder.names == ["c.h5"])
    // The same state gives the same bytes.
    #expect(try CheckpointFile.encode(loaded) == CheckpointFile.encode(checkpoint))
  }

  @Test func whatATrainingHasNotYet() throws {
    let empty = Checkpoint(
      model: [("0.weight", .ones([2]))], optimizer: [:], optimizerSteps: 0, position: TrainingPosition(),
      configuration: "{}")
    #expect(try written(CheckpointFile.decode(CheckpointFile.encode(empty), "c.h5")) == written(empty))
  }

  @Test(arguments: [Configuration.OptimizerName.sgd, .adam, .adamw])
  func theStateOfOptimizers(_ name: Configuration.OptimizerName) throws {
    var configuration = smallConfiguration(epochs: 1, learningRate: 0.01)
    configuration.optimizer = name
    if name == .sgd { configuration.momentum = 0.9 }
    let trainer = try Trainer(drawing: smallNetwork(), Classification(), configuration)
    let folder = try TemporaryFolder()
    try trainer.fit(ImageDataset(smallImages(40)), saving: CheckpointPlan(CheckpointFolder(folder.path)))
    let (_, loaded) = try CheckpointFolder.load(folder.path)
    #expect(loaded.optimizer.keys.sorted() == (name == .sgd ? ["momentum"] : ["mean", "square"]))
    #expect(loaded.optimizerSteps == 3)
    for (slot, tensors) in trainer.optimizer.slots {
      #expect(tensors.keys.sorted() == ["1.bias", "1.weight", "4.bias", "4.weight"])
      for (parameter, tensor) in tensors {
        let found = try #require(loaded.optimizer[slot]?[parameter])
        #expect(found.shape == tensor.shape)
        #expect(try bits(found) == bits(tensor))
      }
    }
  }

  @Test func everyTruncationIsRefused() throws {
    let bytes = try CheckpointFile.encode(oddCheckpoint())
    for count in Array(stride(from: 0, to: bytes.count - 100, by: 53)) + Array(bytes.count - 100..<bytes.count) {
      let error = #expect(throws: CheckpointError.self) { try CheckpointFile.decode(Array(bytes[..<count]), "c.h5") }
      #expect(error?.kind == .badData, "cut at \(count)")
      #expect(error?.description.hasPrefix("c.h5: is ") == true, "cut at \(count): \(String(describing: error))")
    }
  }

  /// Not by what HDF5 thinks of it: the digest is compared before HDF5 sees a byte, so every error is the checkpoint's own.
  @Test func everyFlippedBitIsRefused() throws {
    let bytes = try CheckpointFile.encode(oddCheckpoint())
    let seal = bytes.count - 90..<bytes.count
    for position in Array(stride(from: 0, to: bytes.count, by: 157)) + Array(seal) {
      // All bits of the last byte, which is nobody's digest; of the others one, in turn.
      for bit in position == bytes.count - 1 ? 0..<8 : position % 8..<position % 8 + 1 {
        var flipped = bytes
        flipped[position] ^= 1 << bit
        let error = #expect(throws: CheckpointError.self, "bit \(bit) of byte \(position) of \(bytes.count)") {
          try CheckpointFile.decode(flipped, "c.h5")
        }
        #expect(error?.kind == .badData)
      }
    }
  }

  @Test func longerFilesAreRefused() throws {
    let bytes = try CheckpointFile.encode(oddCheckpoint())
    #expect(throws: CheckpointError.self) { try CheckpointFile.decode(bytes + [10], "c.h5") }
    #expect(throws: CheckpointError.self) { try CheckpointFile.decode(bytes + bytes, "c.h5") }
  }

  @Test func otherFilesAreNamed() throws {
    let folder = try TemporaryFolder()
    let data = try ClassificationFile.encode(
      [("train", smallImages(3))], classNames: (0..<10).map { "\($0)" }, sourceSHA256: String(repeating: "0", count: 64)
    )
    let cases: [(String, [UInt8], String)] = [
      ("data.h5", data, "is a dataset, not a checkpoint"),
      ("text.h5", Array("no HDF5 here".utf8), "is no Lockstep checkpoint"),
      ("empty.h5", [], "is no Lockstep checkpoint"),
    ]
    for (name, bytes, text) in cases {
      try AtomicFile.write(bytes, to: folder.file(name))
      #expect(message { _ = try CheckpointFile.load(folder.file(name)) } == "\(folder.file(name)): \(text)")
    }
    let missing = #expect(throws: FileError.self) { try CheckpointFolder.load(folder.file("missing.h5")) }
    #expect(missing?.kind == .missingInput)
  }

  /// A file that Lockstep sealed, but whose content is not that of a checkpoint.
  @Test func sealedNonsenseIsRefused() throws {
    let file = try HDF5File.inMemory()
    try file.write([Float(1)], shape: [1], to: "/model/0.weight")
    var bytes = try file.image()
    bytes += Array("\nlockstep \(SHA256.digest(of: bytes))\n".utf8)
    #expect(message { _ = try CheckpointFile.decode(bytes, "c.h5") } == "c.h5: is no checkpoint of format 1")
  }

  @Test(.enabled(if: Python.withH5py != nil)) func h5pyReadsIt() throws {
    let folder = try TemporaryFolder()
    try CheckpointFile.save(oddCheckpoint(), to: folder.file("c.h5"))
    let printed = try Python.run(
      """
      import sys, h5py
      with h5py.File(sys.argv[1]) as f:
          for name, t in sorted(f["model"].items()):
              print(name, t.shape, t.dtype, t[()].tobytes()[:8].hex())
          print(sorted(f["optimizer"]), sorted(f["optimizer/square"]), f["optimizer/square/scalar"][()])
          print({k: (v.tolist() if hasattr(v, "tolist") else v) for k, v in sorted(f["training"].attrs.items())})
      """, [folder.file("c.h5")])
    #expect(
      printed == """
        0.weight (2, 5) float32 0000000000000080
        1.1.running_mean (10,) float32 0000000000000080
        2.0.p1_1.weight (1, 1, 1, 1) float32 0000e040
        scalar () float32 00002040
        ['momentum', 'square'] ['0.weight', 'scalar'] 4.0
        {'configuration': '{"model":"häuser"}', 'epoch': 3, 'epoch_totals': [1.5, 0.3333333333333333, 100.0], \
        'lockstep_format': 1, 'optimizer_steps': 12, 'samples_seen': 1234, 'seed': -6, 'step': 12, 'step_in_epoch': 2}
        """)
  }
}
