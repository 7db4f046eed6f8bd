import Foundation
import HDF5Files
import Testing

@testable import Datasets
@testable import TestSupport

@Suite struct ClassificationFileTests {
  private static let split = ImageSplit(
    images: (0..<48).map { UInt8($0) }, labels: [0, 1, 1, 0], channels: 3, height: 2, width: 2)

  /// A dataset written step by step, so that one step can be changed.
  private func open(
    _ folder: TemporaryFolder, format: HDF5Attribute? = .int(1), task: HDF5Attribute? = .string("classification"),
    names: HDF5Attribute? = .strings(["a", "b"]),
    images: (HDF5File) throws -> Void = { try $0.write(split.images, shape: [4, 3, 2, 2], to: "/train/images") },
    labels: (HDF5File) throws -> Void = { try $0.write([0, 1, 1, 0] as [UInt8], shape: [4], to: "/train/labels") }
  ) throws -> ClassificationFile {
    let file = try HDF5File.inMemory()
    if let format { try file.setAttribute("lockstep_format", of: "/", to: format) }
    if let task { try file.setAttribute("task", of: "/", to: task) }
    if let names { try file.setAttribute("class_names", of: "/", to: names) }
    try images(file)
    try labels(file)
    try AtomicFile.write(file.image(), to: folder.file("data.h5"))
    return try ClassificationFile.open(folder.file("data.h5"))
  }

  @Test func encodedAndReadBack() throws {
    let folder = try TemporaryFolder()
    let empty = ImageSplit(images: [], labels: [], channels: 3, height: 2, width: 2)
    let image = try ClassificationFile.encode(
      [("train", ClassificationFileTests.split), ("test", empty)], classNames: ["a", "ß"], sourceSHA256: "00")
    let data = try ClassificationFile.open(folder.put(image, "x.h5"))
    #expect(try data.split("train") == ClassificationFileTests.split)
    #expect(try data.split("test") == empty)
    #expect(data.classNames == ["a", "ß"])
  }

  @Test func handmadeFilesAreFine() throws {
    let folder = try TemporaryFolder()
    #expect(try open(folder).split("train") == ClassificationFileTests.split)
    let signed = try open(folder, labels: { try $0.write([0, 1, 1, 0] as [Int32], shape: [4], to: "/train/labels") })
    #expect(try signed.split("train") == ClassificationFileTests.split)
  }

  @Test func digestFollowsTheContents() throws {
    let one = ClassificationFileTests.split
    let other = ImageSplit(images: one.images, labels: [0, 1, 1, 1], channels: 3, height: 2, width: 2)
    let reshaped = ImageSplit(images: one.images, labels: one.labels, channels: 3, height: 4, width: 1)
    #expect(one.digest == one.digest && one.digest.hasPrefix("sha256:"))
    #expect(Set([one.digest, other.digest, reshaped.digest]).count == 3)
  }

  @Test func whatIsNoDatasetSaysSo() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("data.h5")
    func line(_ body: () throws -> ClassificationFile) -> String? { message { _ = try body() } }
    #expect(
      line { try open(folder, format: nil) }
        == "\(path): is no Lockstep dataset: it has no attribute lockstep_format")
    #expect(line { try open(folder, format: .int(7)) } == "\(path): lockstep_format: expected 1, found 7")
    #expect(
      line { try open(folder, task: .string("text")) } == "\(path): task: expected classification, found \"text\"")
    #expect(
      line { try open(folder, task: nil) } == "\(path): task: expected classification, found no such attribute")
    #expect(
      line { try open(folder, names: nil) }
        == "\(path): class_names: expected an attribute with a name for each class")
    #expect(
      line { try open(folder, images: { _ in }) } == "\(path): holds no images: neither in /train nor in /test")
    #expect(
      line { try open(folder, labels: { _ in }) } == "\(path): /train/labels: is not in the file")

    let checkpoint = try HDF5File.inMemory()
    try checkpoint.createGroup("/model")
    try checkpoint.createGroup("/training")
    try checkpoint.setAttribute("lockstep_format", of: "/training", to: .int(1))
    let saved = try folder.put(checkpoint.image(), "saved.h5")
    #expect(line { try ClassificationFile.open(saved) } == "\(saved): is a checkpoint, not a dataset")
  }

  @Test func whatDoesNotFitSaysWhere() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("data.h5")
    func labels<T: HDF5Element>(_ values: [T]) -> String? {
      message { _ = try open(folder, labels: { try $0.write(values, shape: [values.count], to: "/train/labels") }) }
    }
    #expect(labels([0, 1, 2, 0] as [UInt8]) == "\(path): /train/labels: row 2: expected a label in 0...1, found 2")
    #expect(labels([0, -1, 0, 0] as [Int8]) == "\(path): /train/labels: row 1: expected a label in 0...1, found -1")
    #expect(labels([.max, 0, 0, 0] as [UInt64])?.contains("row 0: expected a label in 0...1") == true)
    #expect(labels([0, 1, 0, 0] as [Float]) == "\(path): /train/labels: expected integers, found float32")
    #expect(
      labels([0, 1] as [UInt8]) == "\(path): /train/labels: expected [4], a label for each image, found the shape [2]")
    func images<T: HDF5Element>(_ values: [T], _ shape: [Int]) -> String? {
      message { _ = try open(folder, images: { try $0.write(values, shape: shape, to: "/train/images") }) }
    }
    #expect(
      images([Float](repeating: 0, count: 16), [4, 1, 2, 2]) == "\(path): /train/images: expected uint8, found float32")
    #expect(
      images([UInt8](repeating: 0, count: 16), [4, 4])
        == "\(path): /train/images: expected the shape [n, channels, height, width], found [4, 4]")
  }

  /// Any flipped byte of a dataset is found, or changes nothing.
  @Test func flippedBytes() throws {
    let folder = try TemporaryFolder()
    let names = ["left", "right"]
    let image = try ClassificationFile.encode(
      [("train", ClassificationFileTests.split)], classNames: names, sourceSHA256: "00")
    for position in stride(from: 0, to: image.count, by: 7) {
      var flipped = image
      flipped[position] ^= 0x04
      let path = try folder.put(flipped, "flipped.h5")
      let line = message {
        let data = try ClassificationFile.open(path)
        let split = try data.split("train")
        #expect(data.classNames == names && split == ClassificationFileTests.split, "byte \(position)")
      }
      #expect(line?.contains("\n") != true)
    }
  }
}

/// h5py reads what Lockstep writes, and Lockstep what h5py writes.
@Suite(.enabled(if: Python.withH5py != nil, "no Python with h5py"))
struct H5pyTests {
  @Test func h5pyReadsADataset() throws {
    let folder = try TemporaryFolder()
    let split = ImageSplit(images: (0..<8).map { UInt8($0) }, labels: [1, 0], channels: 1, height: 2, width: 2)
    let image = try ClassificationFile.encode(
      [("train", split), ("test", split)], classNames: ["naïve", "b"], sourceSHA256: "abc")
    let output = try Python.run(
      """
      import h5py, sys
      with h5py.File(sys.argv[1], "r") as f:
        x, y = f["train/images"], f["train/labels"]
        print(x.dtype, x.shape, x.fletcher32, x[:].ravel().tolist(), y.dtype, y[:].tolist(), sorted(f))
        a = f.attrs
        print(int(a["lockstep_format"]), a["task"], a["source_sha256"], ascii(list(a["class_names"])))
      """, [folder.put(image, "x.h5")])
    #expect(
      output == """
        uint8 (2, 1, 2, 2) True [0, 1, 2, 3, 4, 5, 6, 7] int64 [1, 0] ['test', 'train']
        1 classification abc ['na\\xefve', 'b']
        """)
  }

  @Test func h5pyReadsEveryKind() throws {
    let folder = try TemporaryFolder()
    let file = try HDF5File.inMemory()
    try file.write([1.5, -2] as [Float], shape: [2, 1], to: "/model/0.weight")
    try file.write([7] as [Int64], shape: [], to: "/model/count")
    try file.write([] as [Double], shape: [0, 4], to: "/empty")
    try file.write((0..<1000).map { Int32($0 % 3) }, shape: [1000], to: "/packed", compress: 6)
    try file.writeStrings(["<unk>", "été"], to: "/vocabulary")
    try file.setAttribute("rates", of: "/model", to: .doubles([0.5]))
    let output = try Python.run(
      """
      import h5py, sys
      with h5py.File(sys.argv[1], "r") as f:
        print(f["model/0.weight"][:].tolist(), f["model/count"][()], f["empty"].shape, f["packed"][:].sum())
        print(ascii(f["vocabulary"].asstr()[:].tolist()), f["model"].attrs["rates"].tolist())
      """, [folder.put(file.image(), "x.h5")])
    #expect(output == "[[1.5], [-2.0]] 7 (0, 4) 999\n['<unk>', '\\xe9t\\xe9'] [0.5]")
  }

  @Test func lockstepReadsWhatH5pyWrites() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("x.h5")
    _ = try Python.run(
      """
      import h5py, numpy as np, sys
      with h5py.File(sys.argv[1], "w") as f:
        f.attrs["lockstep_format"] = 1
        f.attrs["task"] = "classification"
        f.attrs["class_names"] = ["a", "b"]
        f["train/images"] = np.arange(12, dtype="u1").reshape(3, 1, 2, 2)
        f["train/labels"] = np.array([0, 1, 1], dtype=">i2")
        f["words"] = ["één", "two"]
        f["fixed"] = np.array([b"ab ", b"c"], dtype="S3")
        f.create_dataset("packed", data=np.arange(1000, dtype="f8"), compression="gzip", shuffle=True)
        f["flags"] = np.array([True, False])
        f["alias"] = h5py.SoftLink("/words")
      """, [path])
    let data = try ClassificationFile.open(path)
    #expect(try data.split("train").images == (0..<12).map { UInt8($0) })
    #expect(try data.split("train").labels == [0, 1, 1])
    let file = try HDF5File.open(path)
    #expect(try file.readStrings("/words") == ["één", "two"])
    #expect(try file.names(in: "/") == ["fixed", "flags", "packed", "train", "words"])
    let alias = #expect(throws: HDF5Error.self) { try file.readStrings("/alias") }
    #expect(alias?.reason == .refused)
    #expect(try file.readStrings("/fixed") == ["ab ", "c"])
    #expect(try file.read("/packed", as: Double.self) == (0..<1000).map { Double($0) })
    let flags = message { _ = try file.read("/flags", as: UInt8.self) }
    #expect(flags == "\(path): /flags: holds an enumeration, not numbers")
  }
}
