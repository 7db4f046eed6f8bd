import Datasets
import Foundation
import HDF5Files
import Testing

@testable import TestSupport

/// A PNG or JPEG file and what Pillow reads from it (`Fixtures/make_fixtures.py`).
private struct PictureCase: Decodable, Sendable {
  let name: String
  let file: Foundation.Data
  let height, width, channels: Int
  let color, grey: Foundation.Data
}

enum ImageFixture {
  static func load<Case: Decodable>(_ name: String, _ type: Case.Type = Case.self) throws -> [Case] {
    let file = Bundle.module.bundleURL.appendingPathComponent("Fixtures/\(name).json")
    return try JSONDecoder().decode([Case].self, from: Foundation.Data(contentsOf: file))
  }
}

/// The beginning of a PNG file, checksums included.
enum PNG {
  static func header(height: UInt32, width: UInt32) -> [UInt8] {
    let chunk = Array("IHDR".utf8) + big(width) + big(height) + [8, 2, 0, 0, 0]
    let sum = UInt32(truncatingIfNeeded: chunk.withUnsafeBytes(Checksum.crc32))
    let end = Array("IDAT".utf8)
    return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + big(13) + chunk + big(sum) + big(0) + end
      + big(UInt32(truncatingIfNeeded: end.withUnsafeBytes(Checksum.crc32)))
  }

  private static func big(_ number: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
  }
}

@Suite struct ImageFileTests {
  private let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  /// The file of a fixture of that name.
  private func bytes(_ name: String) throws -> [UInt8] {
    let cases = try ImageFixture.load("pictures", PictureCase.self)
    return [UInt8](try #require(cases.first { $0.name == name }).file)
  }

  @Test func pixelsArePillows() throws {
    for fixture in try ImageFixture.load("pictures", PictureCase.self) {
      let path = try folder.put([UInt8](fixture.file), fixture.name)
      let size = ImageSize(fixture.height, fixture.width)
      let header = try ImageFile.header(path)
      #expect(header.size == size && header.channels == fixture.channels, "\(fixture.name)")
      let picture = try ImageFile.read(path)
      #expect(picture.size == size && picture.channels == fixture.channels, "\(fixture.name)")
      let tolerance = fixture.name.hasSuffix(".png") ? 0 : 2
      let area = fixture.height * fixture.width
      let color = picture.converted(channels: 3).pixels
      let grey = picture.converted(channels: 1).pixels
      let wanted = [UInt8](fixture.color)
      for i in 0..<area {
        for channel in 0..<3 {
          let difference = abs(Int(color[channel * area + i]) - Int(wanted[3 * i + channel]))
          #expect(difference <= tolerance, "\(fixture.name): channel \(channel) of pixel \(i) is \(difference) off")
        }
      }
      let worst = zip(grey, fixture.grey).map { abs(Int($0) - Int($1)) }.max() ?? 0
      #expect(grey.count == area && worst <= tolerance, "\(fixture.name): grey is \(worst) off")
    }
  }

  /// Every cut and many a flipped bit end in an error of one line or in an image, never in a crash.
  @Test func damagedFilesAreRefused() throws {
    for name in ["color.png", "interlaced.png", "palette.png", "color.jpg", "progressive.jpg", "cmyk.jpg"] {
      let good = try bytes(name)
      for length in Array(stride(from: 0, to: good.count - 2, by: 5)) + [good.count - 3] {
        let path = try folder.put(Array(good[..<length]), name)
        let found = message(of: { _ = try ImageFile.read(path) })
        #expect(found?.hasPrefix(path) == true && found?.contains("\n") == false, "\(name) cut to \(length)")
      }
      var refused = 0
      for position in stride(from: 8, to: good.count, by: 3) {
        var bad = good
        bad[position] ^= UInt8(1 << (position % 8))
        let path = try folder.put(bad, name)
        if let found = message(of: { _ = try ImageFile.read(path) }) {
          #expect(found.hasPrefix(path) && !found.contains("\n"), "\(name), byte \(position): \(found)")
          refused += 1
        }
      }
      // Nearly every byte of a PNG file lies under a checksum.
      if name.hasSuffix(".png") { #expect(refused > good.count / 3 - 10, "\(name): \(refused) of \(good.count)") }
    }
  }

  @Test func absurdSizesAreRefusedBeforeAllocating() throws {
    var huge = try bytes("color.jpg")
    let frame = try #require(huge.indices.dropLast().first { huge[$0] == 0xFF && huge[$0 + 1] == 0xC0 })
    for i in [5, 7] { (huge[frame + i], huge[frame + i + 1]) = (0xEA, 0x60) }
    let path = try folder.put(huge, "huge.jpg")
    let wanted = "\(path): declares 60000×60000 pixels, expected 1 to 100000000 in all"
    #expect(message(of: { _ = try ImageFile.read(path) }) == wanted)
    #expect(message(of: { _ = try ImageFile.header(path) }) == wanted)
    // A sound header of a small file: 9000 by 9000 pixels, of which no byte is there.
    let claims = try folder.put(PNG.header(height: 9000, width: 9000), "claims.png")
    #expect(message(of: { _ = try ImageFile.read(claims) })?.contains("9000×9000 pixels can't be in") == true)
  }

  @Test func otherFilesAreNamed() throws {
    let text = try folder.put(Array("GIF89a, no".utf8), "image.png")
    #expect(message(of: { _ = try ImageFile.read(text) }) == "\(text): is neither a PNG nor a JPEG image")
    let empty = try folder.put([], "empty.jpg")
    #expect(message(of: { _ = try ImageFile.read(empty) }) == "\(empty): is empty, expected a PNG or JPEG image")
    let none = folder.file("none.png")
    #expect(message(of: { _ = try ImageFile.read(none) }) == "\(none): no such file")
  }
}
