import Foundation
import HDF5Files
import Testing

@testable import Datasets
@testable import TestSupport

@Suite struct IDXConverterTests {
  /// Six images of 2×3 and their labels, as files; `labels` may be wrong on purpose.
  private func files(
    _ folder: TemporaryFolder, labels: [UInt8] = [0, 1, 2, 0, 1, 2], shape: [UInt32] = [6, 2, 3]
  ) throws -> (images: String, labels: String) {
    let pixels = (0..<shape.reduce(1, *)).map { UInt8(truncatingIfNeeded: $0) }
    return (
      try folder.put(IDX.gzip(IDX.bytes(0x08, shape, pixels), in: folder), "images-\(shape.count)\(shape[1]).gz"),
      try folder.put(IDX.bytes(0x08, [UInt32(labels.count)], labels), "labels-\(labels.count)")
    )
  }

  @Test func trainAndTestBecomeADataset() throws {
    let folder = try TemporaryFolder()
    let train = try files(folder)
    let test = try files(folder, labels: [2, 1], shape: [2, 1, 2, 3])
    let output = folder.file("data.h5")
    let converter = IDXConverter(
      trainImages: train.images, trainLabels: train.labels, testImages: test.images, testLabels: test.labels,
      classNames: ["cat", "dog", "cow"])
    let summary = try converter.convert(to: output)
    let data = try ClassificationFile.open(output)
    #expect(data.classNames == ["cat", "dog", "cow"])
    #expect(data.splitNames == ["train", "test"])
    #expect(data.channels == 1 && data.height == 2 && data.width == 3)
    let split = try data.split("train")
    #expect(split.images == (0..<36).map { UInt8($0) } && split.labels == [0, 1, 2, 0, 1, 2] && split.imageBytes == 6)
    #expect(try data.split("test").labels == [2, 1])
    #expect(try data.count("test") == 2)
    #expect(summary.trainCount == 6 && summary.testCount == 2)
    #expect(try summary.byteCount == InputFile.bytes(of: output).count)
    let joined = try [train.images, train.labels, test.images, test.labels].flatMap { try InputFile.bytes(of: $0) }
    #expect("sha256:\(summary.sourceSHA256)" == SHA256.digest(of: joined))
    let file = try HDF5File.open(output)
    #expect(try file.attribute("source_sha256", of: "/") == .string(summary.sourceSHA256))
    #expect(try file.attribute("lockstep_format", of: "/") == .int(1))
    #expect(try file.elementType(of: "/train/labels") == .int64)

    let again = folder.file("again.h5")
    _ = try converter.convert(to: again)
    #expect(try InputFile.bytes(of: again) == InputFile.bytes(of: output))
    #expect(try ClassificationFile.open(again).digest() == data.digest())
  }

  @Test func withoutNamesAndTest() throws {
    let folder = try TemporaryFolder()
    let train = try files(folder)
    let output = folder.file("data.h5")
    let converter = IDXConverter(trainImages: train.images, trainLabels: train.labels)
    #expect(try converter.convert(to: output).classNames == ["0", "1", "2"])
    let data = try ClassificationFile.open(output)
    #expect(data.splitNames == ["train"])
    #expect(message { _ = try data.split("test") } == "\(output): has no split \"test\"; it has: train")
  }

  @Test func whatDoesNotFitIsRefused() throws {
    let folder = try TemporaryFolder()
    let good = try files(folder)
    let short = try files(folder, labels: [0, 1])
    let wide = try files(folder, shape: [6, 3, 3])
    func line(_ images: String, _ labels: String, test: String? = nil, names: [String]? = nil) -> String? {
      let converter =
        test.map {
          IDXConverter(
            trainImages: images, trainLabels: labels, testImages: $0, testLabels: labels, classNames: names)
        } ?? IDXConverter(trainImages: images, trainLabels: labels, classNames: names)
      return message { _ = try converter.convert(to: folder.file("out.h5")) }
    }
    #expect(line(good.images, short.labels) == "\(short.labels): expected 6 labels as in \(good.images), found 2")
    #expect(
      line(good.images, good.labels, names: ["a", "b"])
        == "\(good.labels): row 2: expected a label in 0...1, found 2")
    #expect(
      line(good.labels, good.labels)
        == "\(good.labels): expected images of [n, height, width] or [n, channels, height, width], found [6]")
    #expect(line(good.images, good.images) == "\(good.images): expected labels of the shape [n], found [6, 2, 3]")
    #expect(
      line(good.images, good.labels, test: wide.images)
        == "\(wide.images): expected images of [1, 2, 3] as in \(good.images), found [1, 3, 3]")
    let negative = try folder.put(IDX.bytes(0x09, [6], [0, 0, 0, 0xff, 0, 0]), "negative")
    #expect(line(good.images, negative)?.contains("row 3: expected a label in 0...") == true)
    #expect(line(good.images, negative)?.hasSuffix("found -1") == true)
    #expect(line("/no/images", good.labels) == "/no/images: no such file")
    #expect(!FileManager.default.fileExists(atPath: folder.file("out.h5")))
    let nowhere = folder.file("missing/out.h5")
    let converter = IDXConverter(trainImages: good.images, trainLabels: good.labels)
    let error = #expect(throws: FileError.self) { _ = try converter.convert(to: nowhere) }
    #expect(error?.kind == .cannotWrite)
  }
}

@Suite struct FashionMNISTTests {
  private static let isInstalled = FileManager.default.fileExists(atPath: FashionMNISTConverter.systemFolder)

  @Test(.enabled(if: isInstalled, "Debian's package dataset-fashion-mnist is not installed"))
  func theRealOne() throws {
    let folder = try TemporaryFolder()
    let output = folder.file("fashion.h5")
    let summary = try FashionMNISTConverter(source: FashionMNISTConverter.systemFolder).convert(to: output)
    #expect(summary.trainCount == 60_000 && summary.testCount == 10_000)
    let data = try ClassificationFile.open(output)
    #expect(data.channels == 1 && data.height == 28 && data.width == 28)
    #expect(data.classNames == FashionMNISTConverter.classNames)
    let train = try data.split("train")
    #expect(train.labels.prefix(10) == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5])
    let packed = try IDXFile("\(FashionMNISTConverter.systemFolder)/train-images-idx3-ubyte.gz")
    #expect(train.images == packed.bytes)
    // The mean pixel is 0.2860 of 255 (counted in Python); every hundredth pixel is enough to see it.
    let sum = train.images.withUnsafeBytes { bytes in
      stride(from: 0, to: bytes.count, by: 100).reduce(0) { $0 + Int(bytes[$1]) }
    }
    #expect(abs(Double(sum) / Double(train.images.count / 100) / 255 - 0.2860) < 0.005)
  }

  @Test func missingFolderNamesThePackage() throws {
    let error = #expect(throws: FileError.self) {
      _ = try FashionMNISTConverter(source: "/no/such/folder").convert(to: "/tmp/never.h5")
    }
    #expect(
      error?.description == "/no/such/folder: no such folder; apt-get install dataset-fashion-mnist brings it to "
        + "/usr/share/datasets/fashion-mnist")
    #expect(error?.kind == .missingInput)
  }

  @Test func otherDataAreNotFashionMNIST() throws {
    let folder = try TemporaryFolder()
    for prefix in ["train", "t10k"] {
      _ = try folder.put(IDX.bytes(0x08, [2, 1, 1], [0, 0]), "\(prefix)-images-idx3-ubyte")
      _ = try folder.put(IDX.bytes(0x08, [2], [0, 1]), "\(prefix)-labels-idx1-ubyte")
    }
    let expected = "is not Fashion-MNIST: expected images of [60000, 1, 28, 28], found [2, 1, 1, 1]"
    let line = message { _ = try FashionMNISTConverter(source: folder.path).convert(to: folder.file("x.h5")) }
    #expect(line == "\(folder.path): \(expected)")
  }
}
