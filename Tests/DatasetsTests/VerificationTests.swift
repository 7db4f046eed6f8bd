import Foundation
import HDF5Files
import Testing

@testable import Datasets
@testable import TestSupport

/// Reading all of a file: what is damaged is named by array, chunk and samples.
@Suite struct VerificationTests {
  private static let pixels = (0..<200 * 4).map { UInt8(truncatingIfNeeded: $0 * 31 + $0 / 256) }

  private func write(_ path: String, chunk: [Int]? = nil, digest: String? = nil) throws {
    var storage = ArrayStorage()
    storage.chunkRows = 64
    try HDF5File.create(at: path) { file in
      let writer = try ImageSplitWriter(file, "train", channels: 1, height: 2, width: 2, count: 200, storage)
      try writer.append(images: Self.pixels)
      try writer.append(labels: (0..<200).map { Int32($0 % 2) })
      let found = try writer.finish()
      try ClassificationFile.finish(
        file, [("train", digest ?? found)], classNames: ["a", "b"], sourceSHA256: String(repeating: "0", count: 64))
    }
  }

  private func verify(_ path: String) throws -> [String] {
    var lines: [String] = []
    try Verification(path).run { lines.append($0) }
    return lines
  }

  @Test func aWholeFile() throws {
    let folder = try TemporaryFolder()
    try write(folder.file("a.h5"))
    #expect(try verify(folder.file("a.h5")) == ["/train: images, labels: 8 chunks are as their checksums and digests"])
  }

  /// A byte of the third chunk's pixels is flipped: libhdf5's checksum tells.
  @Test func aDamagedChunk() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.h5")
    try write(path)
    var bytes = try InputFile.bytes(of: path)
    let chunk = Array(Self.pixels[128 * 4..<192 * 4])
    let place = try #require((0..<bytes.count - chunk.count).first { bytes[$0...].starts(with: chunk) })
    bytes[place + 5] ^= 1
    try AtomicFile.write(bytes, to: path)
    let found = message { _ = try verify(path) }
    #expect(found?.hasPrefix("\(path): /train/images: chunk 2, samples 128…191: reading") == true, "\(found ?? "")")
  }

  /// Numbers that somebody changed with a sound HDF5 library: only the digest tells.
  @Test func changedNumbers() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.h5")
    try HDF5File.create(at: path) { file in
      var digests = ChunkDigests(rows: 50, of: .int32)
      let labels = (0..<100).map { Int32($0) }
      for start in [0, 50] { labels[start..<start + 50].withUnsafeBytes { digests.append($0) } }
      try digests.write(file, "train", "labels")
      try file.write(labels.map { $0 == 77 ? 76 : $0 }, shape: [100], to: "/train/labels", chunk: [50])
    }
    #expect(
      message { _ = try verify(path) } == "\(path): /train/labels: chunk 1, samples 50…99: differ from their digest")
  }

  @Test func aDigestOfOtherSamples() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.h5")
    try write(path, digest: "sha256:00")
    #expect(message { _ = try verify(path) }?.hasPrefix("\(path): /train: its digest sha256:00 does not come") == true)
  }

  @Test func filesMadeElsewhere() throws {
    let folder = try TemporaryFolder()
    try HDF5File.create(at: folder.file("a.h5")) { file in
      try file.write([1.5, 2], shape: [2], to: "/train/inputs")
      try file.writeStrings(["a", "b"], to: "/vocabulary")
    }
    #expect(
      try verify(folder.file("a.h5")) == [
        "/train: inputs: 1 chunks are as their checksums; there are no digests", "/: vocabulary: as their checksums",
      ])
  }
}
