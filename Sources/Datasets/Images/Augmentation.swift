import Kernels
import Tensors

/// Random changes of training images that leave their class as it is: a list such as `crop:4,flip,rotate:15,cutout:8`.
///
/// What becomes of a sample is a function of seed, epoch and sample alone, so that any number of ranks trains on the same pictures.
/// Where nothing of the image is left to be seen it is black.
public struct Augmentation: Sendable, Equatable {
  /// An image is framed by so many black pixels and cut back to its size at a random place (torchvision's
  /// `RandomCrop(size, padding)`).
  public var cropPadding: Int
  /// Images are mirrored left to right, each with probability one half.
  public var flips: Bool
  /// Images are turned about their centre by up to so many degrees, either way (`RandomRotation`: each pixel is the nearest one).
  public var rotation: Double
  /// Brightness, then contrast are multiplied by something in `1 ± jitter` (`ColorJitter(jitter, jitter)`).
  public var jitter: Double
  /// A black square of so many pixels a side, its centre anywhere in the image (DeVries and Taylor 2017: cut-out).
  public var cutout: Int
  /// The `α` of mixup (Zhang et al. 2018): each image is blended with the one that follows in the epoch, and so are their losses, by
  /// a share of the distribution Beta(α, α). 0 for none. A data set can't do it by itself: see `Mixed`.
  public var mixup: Double

  /// Changes nothing unless told to.
  public init(
    cropPadding: Int = 0, flips: Bool = false, rotation: Double = 0, jitter: Double = 0, cutout: Int = 0,
    mixup: Double = 0
  ) {
    (self.cropPadding, self.flips, self.rotation) = (cropPadding, flips, rotation)
    (self.jitter, self.cutout, self.mixup) = (jitter, cutout, mixup)
  }

  /// What becomes of a sample in an epoch. Each change has draws of its own: one more leaves the others as they were.
  func draw(seed: UInt64, epoch: Int, sample: Int) -> ImageChange {
    let key = RandomKey(seed: seed, .augmentation, time: epoch, sample: sample)
    let places = 2 * cropPadding + 1
    var change = ImageChange(
      down: key.bounded(places, draw: 0) - cropPadding, right: key.bounded(places, draw: 1) - cropPadding,
      isFlipped: flips && key.bounded(2, draw: 2) == 1)
    if cutout > 0 { change.hole = (cutout, key.even(draw: 3), key.even(draw: 4)) }
    if rotation > 0 {
      let angle = (2 * key.even(draw: 5) - 1) * rotation * .pi / 180
      change.turn = (ElementaryFunction.sin.value(angle), ElementaryFunction.cos.value(angle))
    }
    if jitter > 0 {
      change.brightness = Float(1 + (2 * key.even(draw: 6) - 1) * jitter)
      change.contrast = Float(1 + (2 * key.even(draw: 7) - 1) * jitter)
    }
    return change
  }
}

extension RandomKey {
  /// An even number in `0..<1` of 52 random bits, of the draws that `bounded` has.
  func even(draw: Int) -> Double { Double(bounded(1 << 52, draw: draw)) * 0x1p-52 }
}

/// As options and configurations write it.
extension Augmentation {
  private static let most = 1024

  /// Reads a list such as `crop:4,flip,rotate:15,jitter:0.2,cutout:8,mixup:0.2`; nil for one that says anything twice, or what can't
  /// be.
  public init?(text: String) {
    self.init()
    var names: Set<Substring> = []
    for item in text.split(separator: ",", omittingEmptySubsequences: false) {
      let parts = item.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      guard names.insert(parts[0]).inserted, set(parts[0], parts.count > 1 ? parts[1] : nil) else { return nil }
    }
  }

  private mutating func set(_ name: Substring, _ value: Substring?) -> Bool {
    if name == "flip" {
      flips = true
      return value == nil
    }
    guard let number = value.flatMap({ Double($0) }), number > 0 else { return false }
    switch name {
    case "crop" where number <= Double(Self.most) && number == number.rounded(): cropPadding = Int(number)
    case "cutout" where number <= Double(Self.most) && number == number.rounded(): cutout = Int(number)
    case "rotate" where number <= 180: rotation = number
    case "jitter" where number <= 1: jitter = number
    case "mixup" where number <= 1: mixup = number
    default: return false
    }
    return true
  }

  /// The list that `init(text:)` reads again; `none` where there is no change.
  public var text: String {
    func number(_ value: Double) -> String { value == value.rounded() ? "\(Int(value))" : "\(value)" }
    let items = [
      cropPadding > 0 ? "crop:\(cropPadding)" : nil, flips ? "flip" : nil,
      rotation > 0 ? "rotate:\(number(rotation))" : nil, jitter > 0 ? "jitter:\(number(jitter))" : nil,
      cutout > 0 ? "cutout:\(cutout)" : nil, mixup > 0 ? "mixup:\(number(mixup))" : nil,
    ].compactMap { $0 }
    return items.isEmpty ? "none" : items.joined(separator: ",")
  }

  /// What a text must be, as `… must be` goes on.
  public static var wanted: String {
    "a list such as crop:4,flip,rotate:15,jitter:0.2,cutout:8,mixup:0.2: crop and cutout of 1 to \(most) pixels, rotate up to 180 "
      + "degrees, jitter and mixup above 0 and up to 1"
  }
}

extension Augmentation: Codable {
  private enum Fields: String, CodingKey { case cropPadding, flips }

  public func encode(to encoder: any Encoder) throws { try text.encode(to: encoder) }

  /// The first Lockstep wrote two fields.
  public init(from decoder: any Decoder) throws {
    if let text = try? decoder.singleValueContainer().decode(String.self) {
      guard let read = Augmentation(text: text) else {
        throw DecodingError.dataCorrupted(
          DecodingError.Context(codingPath: decoder.codingPath, debugDescription: "'\(text)' is no augmentation"))
      }
      self = read
      return
    }
    let fields = try decoder.container(keyedBy: Fields.self)
    self.init(
      cropPadding: try fields.decode(Int.self, forKey: .cropPadding),
      flips: try fields.decode(Bool.self, forKey: .flips))
  }
}

/// What is done to one image: where each of its pixels comes from, and how grey values change.
struct ImageChange {
  let down, right: Int
  let isFlipped: Bool
  /// Side, and where its centre lies as shares of height and width.
  var hole: (side: Int, down: Double, right: Double)?
  /// Sine and cosine of the angle.
  var turn: (sine: Double, cosine: Double)?
  var brightness: Float = 1
  var contrast: Float = 1

  var changesValues: Bool { brightness != 1 || contrast != 1 }

  /// For each pixel of an image of that size the one that it takes the value of, -1 for black.
  func places(_ size: ImageSize, into places: UnsafeMutablePointer<Int32>) {
    for y in 0..<size.height {
      let row = places + y * size.width
      for x in 0..<size.width {
        let place = source(y, x, size)
        let isInside = 0..<size.height ~= place.row && 0..<size.width ~= place.column
        row[x] = isInside ? Int32(truncatingIfNeeded: place.row * size.width + place.column) : -1
      }
    }
    if let hole { cut(hole, of: size, in: places) }
  }

  /// The steps backwards: mirrored last, moved before that, turned first.
  private func source(_ y: Int, _ x: Int, _ size: ImageSize) -> (row: Int, column: Int) {
    let (row, column) = (y + down, (isFlipped ? size.width - 1 - x : x) + right)
    guard let turn else { return (row, column) }
    let middle = (y: Double(size.height - 1) / 2, x: Double(size.width - 1) / 2)
    let (dy, dx) = (Double(row) - middle.y, Double(column) - middle.x)
    let (fromY, fromX) = (middle.y + turn.cosine * dy - turn.sine * dx, middle.x + turn.sine * dy + turn.cosine * dx)
    return (Int((fromY + 0.5).rounded(.down)), Int((fromX + 0.5).rounded(.down)))
  }

  private func cut(
    _ hole: (side: Int, down: Double, right: Double), of size: ImageSize, in places: UnsafeMutablePointer<Int32>
  ) {
    func range(_ centre: Double, _ extent: Int) -> Range<Int> {
      let first = Int(centre * Double(extent)) - hole.side / 2
      return (first..<first + hole.side).clamped(to: 0..<extent)
    }
    let columns = range(hole.right, size.width)
    for y in range(hole.down, size.height) { for x in columns { places[y * size.width + x] = -1 } }
  }

  /// A pixel 0…1 in an image whose pixels have that mean.
  func value(_ pixel: Float, mean: Float) -> Float {
    let bright = pixel * brightness
    return min(max((bright - mean * brightness) * contrast + mean * brightness, 0), 1)
  }
}
