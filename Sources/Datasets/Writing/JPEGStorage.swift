/// Images kept as JPEG files rather than pixels: a tenth of the room, and decoded anew whenever they are read.
public struct JPEGStorage: Sendable, Equatable {
  /// 1…100, libjpeg's scale.
  public var quality: Int
  /// JPEG files that have the wanted size and colour already are kept byte for byte.
  public var keepsFiles: Bool

  /// Everything is encoded at that quality, unless files are kept.
  public init(quality: Int, keepsFiles: Bool = false) { (self.quality, self.keepsFiles) = (quality, keepsFiles) }

  /// Files are kept where they fit; others lose as little as nobody sees.
  public static let keepingFiles = JPEGStorage(quality: 95, keepsFiles: true)

  /// As the command line has it.
  public var text: String { keepsFiles ? "keep" : "\(quality)" }

  /// The file of an image that is to be kept.
  /// - Parameters:
  ///   - bytes: the file that the image comes from.
  ///   - picture: the image as it is wanted.
  ///   - original: the image as it is in that file.
  func file(of picture: Picture, from bytes: [UInt8], _ original: Picture, _ path: String) throws -> [UInt8] {
    let isAsWanted = picture.size == original.size && picture.channels == original.channels
    if keepsFiles && isAsWanted && ImageFile.isJPEG(bytes) { return bytes }
    return try JPEG.encode(picture, quality: quality, path)
  }
}
