import Foundation
import HDF5Files
import Testing

@testable import Datasets
@testable import TestSupport

/// Conversions piece by piece: what is in the file does not depend on the pieces, and says itself what is in it.
@Suite struct StreamedConversionTests {
  private static let pixels = (0..<300 * 12).map { UInt8(truncatingIfNeeded: $0 * $0 / 7) }
  private static let labels = (0..<300).map { Int32($0 % 3) }

  private func split(isLabelled: Bool = true) -> ImageSplit {
    ImageSplit(
      images: Self.pixels, labels: isLabelled ? Self.labels : Self.labels.map { _ in 0 }, channels: 3, height: 2,
      width: 2, isLabelled: isLabelled)
  }

  /// Written in pieces of any size, to a file on the disk.
  private func write(_ path: String, pieces: Int, isLabelled: Bool = true, _ storage: ArrayStorage) throws {
    try HDF5File.create(at: path) { file in
      let writer = try ImageSplitWriter(
        file, "train", channels: 3, height: 2, width: 2, count: 300, isLabelled: isLabelled, storage)
      for start in stride(from: 0, to: Self.pixels.count, by: pieces) {
        try writer.append(images: Array(Self.pixels[start..<min(start + pieces, Self.pixels.count)]))
      }
      try writer.append(labels: Self.labels)
      try ClassificationFile.finish(
        file, [("train", writer.finish())], classNames: ["a", "b", "c"], sourceSHA256: String(repeating: "0", count: 64)
      )
    }
  }

  @Test(arguments: [ArrayStorage.Compression.none, .gzip], [nil, 1, 7, 64, 300, 1000])
  func chunksAndPiecesChangeNothing(compression: ArrayStorage.Compression, chunk: Int?) throws {
    let folder = try TemporaryFolder()
    var storage = ArrayStorage()
    (storage.compression, storage.chunkRows) = (compression, chunk)
    try write(folder.file("a.h5"), pieces: 5, storage)
    try write(folder.file("b.h5"), pieces: 1000, storage)
    let bytes = try InputFile.bytes(of: folder.file("a.h5"))
    #expect(try bytes == InputFile.bytes(of: folder.file("b.h5")))
    let image = try ClassificationFile.encode(
      [("train", split())], classNames: ["a", "b", "c"], sourceSHA256: String(repeating: "0", count: 64),
      storage: storage)
    #expect(bytes == image)
    let read = try ClassificationFile.open(folder.file("a.h5")).split("train")
    #expect(read == split())
    let file = try HDF5File.open(folder.file("a.h5"))
    let rows = min(chunk ?? 300, 300)
    #expect(try file.chunk(of: "/train/images") == [rows, 3, 2, 2])
    #expect(try file.chunk(of: "/train/labels") == [rows])
  }

  /// The file's own digests are those of the whole arrays.
  @Test(arguments: [true, false]) func digestsOfTheParts(isLabelled: Bool) throws {
    let folder = try TemporaryFolder()
    var storage = ArrayStorage()
    storage.chunkRows = 64
    try write(folder.file("a.h5"), pieces: 77, isLabelled: isLabelled, storage)
    let file = try HDF5File.open(folder.file("a.h5"))
    try file.verifyText()
    #expect(try file.attribute("digest", of: "/train") == .string(split(isLabelled: isLabelled).digest))
    let digests = try #require(try ChunkDigests.read(file, "train", "images"))
    #expect(digests.rows == 64 && digests.values.count == 5)
    #expect(digests.combined(rowBytes: 12, count: 300) == Self.pixels.withUnsafeBytes(Checksum.crc32))
    #expect(try ChunkDigests.read(file, "train", "labels")?.type == (isLabelled ? .int32 : nil))
  }

  @Test func chunksOfAQuarterOfAMegabyte() throws {
    let storage = ArrayStorage()
    #expect(try storage.rows(rowBytes: 784, count: 60_000, "x") == 256)
    #expect(try storage.rows(rowBytes: 1, count: 1 << 20, "x") == 1 << 18)
    #expect(try storage.rows(rowBytes: 1 << 20, count: 10, "x") == 1)
    #expect(try storage.rows(rowBytes: 784, count: 100, "x") == 100)
    #expect(try storage.rows(rowBytes: 784, count: 0, "x") == 1)
    var large = storage
    large.chunkRows = 1 << 20
    #expect(message { _ = try large.rows(rowBytes: 784, count: 1 << 20, "x.h5") }?.hasPrefix("x.h5: chunks of") == true)
  }

  /// What no reader would believe is not written.
  @Test func absurdCompressionIsRefused() throws {
    let folder = try TemporaryFolder()
    var storage = ArrayStorage()
    (storage.compression, storage.chunkRows) = (.gzip, 1 << 20)
    let found = message {
      try HDF5File.create(at: folder.file("a.h5")) { file in
        let (count, rows) = (100 << 20, 1 << 20)
        let writer = ArrayWriter<UInt8>(file, "train", "a", rowShape: [], count: count, chunkRows: rows, storage)
        try writer.append([UInt8](repeating: 0, count: count))
        _ = try writer.finish()
      }
    }
    #expect(found?.hasSuffix("which no reader would believe; --compression none keeps them") == true)
    #expect(try folder.names == [])
  }

  /// A text cut into pieces anywhere is the same text.
  @Test(arguments: [true, false], [true, false]) func textInPieces(letters: Bool, lossy: Bool) throws {
    let folder = try TemporaryFolder()
    var text = Array("\u{FEFF}  Die Zeit – 時間,\u{3000}時間 \r\n\n\tÅngström 🙂 ends\u{A0}\nhere".utf8)
    if lossy { text += [0x20, 0xE6, 0x99, 0x20, 0xC3] }
    var cleaner = TextCleaner()
    (cleaner.keepsLettersOnly, cleaner.isLossy) = (letters, lossy)
    let path = try folder.put(text, "t.txt")
    let whole = try cleaner.clean(text, path: path)
    for pieceBytes in 4...text.count + 1 {
      var (pieces, bytes) = ([UInt8](), [UInt8]())
      let lines = try cleaner.forEachPiece(of: path, pieceBytes: pieceBytes) {
        bytes += $0
      } _: {
        pieces += $0
      }
      #expect(pieces == whole.text, "pieces of \(pieceBytes) bytes")
      #expect(lines == whole.lineCount && bytes == text)
    }
  }

  @Test(arguments: [TokenKind.char, .word]) func tokensInPieces(kind: TokenKind) throws {
    let text = Array("the time the traveller 時間 time xyz 🙂 the".utf8)
    let whole = TokenizedText(text, kind)
    for cut in text.indices where text[cut] & 0xC0 != 0x80 {
      let counter = TokenCounter(kind)
      var ids: [Int32] = []
      text[..<cut].withUnsafeBufferPointer { counter.count($0, into: &ids) }
      text[cut...].withUnsafeBufferPointer { counter.count($0, into: &ids) }
      counter.finish(into: &ids)
      let numbering = TextNumbering(Tokenizer(kind, plain: whole.vocabulary), counter)
      #expect(numbering.numbers(of: ids) == whole.tokens, "cut at \(cut)")
    }
  }
}
