import Foundation
import HDF5Files
import Testing

@testable import Datasets
@testable import TestSupport

/// Images that lie in a file as JPEG files and are decoded when they are read.
@Suite struct EncodedImagesTests {
  private let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  private struct Fixture: Decodable {
    let name: String
    let file: Foundation.Data
  }

  /// A JPEG file of 17×23 pixels.
  private func fixture(_ name: String) throws -> [UInt8] {
    let all = try ImageFixture.load("pictures", Fixture.self)
    return [UInt8](try #require(all.first { $0.name == name }).file)
  }

  private static let size = ImageSize(12, 10)

  /// The file of an image that no other number has.
  private static func file(_ number: Int, channels: Int = 3) throws -> [UInt8] {
    let pixels = (0..<channels * size.height * size.width).map { UInt8(truncatingIfNeeded: $0 * (number + 2) / 3) }
    return try JPEG.encode(Picture(size: size, channels: channels, pixels: pixels), quality: 80, "test")
  }

  private func write(_ files: [[UInt8]], channels: Int = 3, _ size: ImageSize = size, name: String = "a.h5") throws
    -> String
  {
    let path = folder.file(name)
    try HDF5File.create(at: path) { file in
      let writer = try ImageSplitWriter(
        file, "train", channels: channels, height: size.height, width: size.width, count: files.count, ArrayStorage(),
        encoding: JPEGStorage(quality: 80))
      for (number, bytes) in files.enumerated() {
        try writer.append(images: bytes)
        try writer.append(labels: [Int32(number % 3)])
      }
      try ClassificationFile.finish(
        file, [("train", writer.finish())], classNames: ["a", "b", "c"], sourceSHA256: String(repeating: "0", count: 64)
      )
    }
    return path
  }

  @Test(arguments: ["grey.jpg", "color.jpg", "color-444.jpg", "progressive.jpg", "cmyk.jpg"], [1, 3])
  func pixelsAreThoseOfTheFiles(name: String, channels: Int) throws {
    let bytes = try fixture(name)
    let wanted = try ImageFile.picture(bytes, name).converted(channels: channels)
    let split = try ClassificationFile.open(write([bytes], channels: channels, wanted.size)).split("train")
    #expect(split.images == wanted.pixels && split.channels == channels && split.height == wanted.size.height)
  }

  @Test func encodingLosesLittle() throws {
    let picture = try ImageFile.picture(fixture("color.jpg"), "color.jpg")
    let (fine, coarse) = (try JPEG.encode(picture, quality: 100, "x"), try JPEG.encode(picture, quality: 10, "x"))
    #expect(coarse.count < fine.count * 2 / 3)
    let pixels = try ImageFile.picture(fine, "x").pixels
    let sum = zip(pixels, picture.pixels).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
    #expect(sum < 4 * pixels.count)
    #expect(try JPEG.encode(picture, quality: 100, "x") == fine)
  }

  /// Streamed and in memory the same batches, on several threads, and a digest that needs no pixels.
  @Test func samplesAreTheSameWhateverTheMemory() throws {
    let path = try write((0..<300).map { try Self.file($0) })
    let file = try ClassificationFile.open(path)
    let split = try file.split("train")
    var options = StreamingOptions()
    (options.shuffling, options.window) = (.windowed, 8192)
    let resident = try file.streamed("train", ImageTransform(), options, isTraining: true)
    options.memory = 64 << 10
    let streamed = try file.streamed("train", ImageTransform(), options, isTraining: true)
    #expect(resident.isResident && !streamed.isResident)
    #expect(try resident.digest == streamed.digest)
    for data in [resident, streamed] {
      for epoch in 0..<2 {
        let sampler = Sampler(of: data, batchSize: 32, seed: 5)
        let loader = Loader(data, sampler, epoch: epoch) { [0..<$0] }
        defer { loader.cancel() }
        var seen: [Int] = []
        while let batch = try loader.next() {
          let wanted = try ImageDataset(split).batch(batch.slices[0].samples)
          #expect(try batch.slices[0].inputs.floats() == wanted.inputs.floats())
          #expect(try batch.slices[0].targets.values(as: Int64.self) == wanted.targets.values(as: Int64.self))
          seen += batch.slices[0].samples
        }
        #expect(seen.sorted() == Array(0..<300))
      }
    }
    #expect(try file.normalization(of: "train") == Normalization(of: split))
  }

  @Test func digestsAreOfTheBytes() throws {
    let files = try (0..<5).map { try Self.file($0) }
    let path = try write(files)
    #expect(try digest(path) == ClassificationFile.open(path).streamed("train").digest)
    var lines: [String] = []
    try Verification(path).run { lines.append($0) }
    #expect(lines == ["/train: encoded, labels: 2 chunks are as their checksums and digests"])
    let other = try write(files.dropLast() + [Self.file(77)], name: "b.h5")
    #expect(try digest(path) != digest(other))
    #expect(try ClassificationFile.open(path).digest() != ClassificationFile.open(other).digest())
  }

  /// As the file states it.
  private func digest(_ path: String) throws -> String? {
    guard case .string(let text)? = try HDF5File.open(path).attribute("digest", of: "/train") else { return nil }
    return text
  }

  /// The bytes of sample 3 are changed in the file; of so many that none lies beside the attributes' text.
  private func damaged(_ change: ([UInt8]) -> [UInt8]) throws -> String {
    let files = try (0..<300).map { try Self.file($0) }
    let path = try write(files)
    var bytes = try InputFile.bytes(of: path)
    let place = try #require(bytes.indices.first { bytes[$0...].starts(with: files[3]) })
    bytes.replaceSubrange(place..<place + files[3].count, with: change(files[3]))
    return try folder.put(bytes, "damaged.h5")
  }

  @Test func aFlippedByteIsNamed() throws {
    let path = try damaged { $0.dropLast(20) + [$0[$0.count - 20] ^ 1] + $0.suffix(19) }
    let wanted = "\(path): /train/encoded: sample 3: differs from its digest: the file was changed or is damaged"
    #expect(message { _ = try ClassificationFile.open(path).split("train") } == wanted)
    #expect(message { try Verification(path).run { _ in } } == wanted)
    var options = StreamingOptions()
    options.skipsBadChunks = true
    let skipping = try ClassificationFile.open(path).streamed("train", ImageTransform(), options, isTraining: true)
    #expect(try skipping.batch([1, 3]).samples == [1, 3])
    let bad = skipping.takeBadChunks()
    #expect(bad.count == 1 && bad[0].samples == 3..<4 && bad[0].reason == wanted)
  }

  /// What no digest speaks of is found by decoding: each is one line with the sample's number.
  @Test func whatCanNotBeDecodedIsNamed() throws {
    let good = try Self.file(1)
    let frame = try #require(good.indices.dropLast().first { good[$0] == 0xFF && good[$0 + 1] == 0xC0 })
    var huge = good
    for i in [5, 7] { (huge[frame + i], huge[frame + i + 1]) = (0xEA, 0x60) }
    let cases: [([UInt8], String)] = [
      (Array(good.dropLast(40)), "corrupt or truncated JPEG ("), ([], "corrupt or truncated JPEG (Empty input file)"),
      (Array("text".utf8), "corrupt or truncated JPEG (Not a JPEG file"),
      (huge, "has 60000×60000 pixels, expected 12×10 as all images have"),
      (try fixture("color.jpg"), "has 17×23 pixels, expected 12×10 as all images have"),
      (try fixture("cmyk.jpg"), "has 17×23 pixels, expected 12×10 as all images have"),
    ]
    for (bytes, what) in cases {
      let path = try write([good, good, bytes])
      let found = message { _ = try ClassificationFile.open(path).split("train") }
      #expect(found?.hasPrefix("\(path): /train/encoded: sample 2: \(what)") == true, "\(found ?? "")")
      #expect(found?.contains("\n") == false)
    }
    let path = try write([good], ImageSize(9000, 9000))
    #expect(
      message { _ = try ClassificationFile.open(path).streamed("train").batch([0]) }?
        .contains("sample 0: truncated JPEG: 9000×9000 pixels can't be in") == true)
    let absurd = try write([good], ImageSize(1 << 20, 1 << 20))
    #expect(
      message { _ = try ClassificationFile.open(absurd) }?.hasSuffix("images have 3×1048576×1048576 pixels") == true)
  }

  /// Four lines of h5py, without any attribute.
  @Test(.enabled(if: Python.withH5py != nil, "no Python with h5py")) func filesByH5py() throws {
    let files = try (0..<4).map { try Self.file($0, channels: 1) }
    let path = folder.file("h5py.h5")
    let list = try files.enumerated().map { try folder.put($1, "\($0).jpg") }
    _ = try Python.run(
      """
      import h5py, numpy, sys
      files = [numpy.fromfile(path, numpy.uint8) for path in sys.argv[2:]]
      with h5py.File(sys.argv[1], "w") as file:
        file.create_dataset("train/encoded", len(files), h5py.vlen_dtype(numpy.uint8))[:] = files
        file["train/labels"] = [0, 1, 1, 0]
      """, [path] + list)
    let file = try ClassificationFile.open(path)
    #expect(file.classNames == ["0", "1"] && file.channels == 1 && file.height == 12 && file.width == 10)
    #expect(try file.encoding("train")?.bytes == files.reduce(0) { $0 + $1.count })
    let wanted = try files.flatMap { try ImageFile.picture($0, "x").pixels }
    #expect(try file.split("train").images == wanted)
    #expect(try file.streamed("train").digest == file.split("train").digest)
    _ = try Python.run(
      """
      import h5py, sys
      with h5py.File(sys.argv[1], "r+") as file:
        file["train/labels"][3] = 3
      """, [path])
    #expect(message { _ = try ClassificationFile.open(path) }?.contains("2 never occurs") == true)
  }

  @Test func foldersBecomeFiles() throws {
    let kept = try fixture("color.jpg")
    for (label, number) in [("a", 0), ("a", 1), ("b", 2)] {
      try FileManager.default.createDirectory(atPath: folder.file("in/\(label)"), withIntermediateDirectories: true)
      _ = try folder.put(kept, "in/\(label)/\(number).jpg")
    }
    _ = try folder.put(fixture("grey.jpg"), "in/b/3.jpg")
    func convert(_ encoding: JPEGStorage, threads: Int) throws -> [[UInt8]] {
      var options = ImageFolderConverter.Options(folder: folder.file("in"))
      options.encoding = encoding
      let plan = try ImageFolderConverter(options)
      let form = try plan.form(plan.headers(of: 0..<4) { throw $0 })
      let path = folder.file("out.h5")
      try HDF5File.create(at: path) { file in
        let writer = ImageFolderWriter(file, plan, form.size, channels: form.channels, ArrayStorage())
        for block in [0..<3, 3..<4] {
          try writer.append(
            plan.decode(block, form.size, channels: form.channels, skipsCorrupt: false, threads: threads) { _ in })
        }
        _ = try writer.finish()
      }
      #expect(try ClassificationFile.open(path).labels("train") == [0, 0, 1, 1])
      var files: [[UInt8]] = []
      try HDF5File.open(path).byteLists(of: "/train/encoded").forEach(in: 0..<4) { files.append(Array($1)) }
      return files
    }
    let keeping = try convert(.keepingFiles, threads: 2)
    #expect(try keeping[0] == kept && keeping[2] == kept && keeping[3] != fixture("grey.jpg"))
    #expect(try ImageFile.picture(keeping[3], "3").channels == 3)
    let made = try convert(JPEGStorage(quality: 50), threads: 1)
    #expect(made[0] == made[1] && made[0] != kept && made[0].count < kept.count)
  }
}
