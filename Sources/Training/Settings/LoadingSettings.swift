import Datasets

/// How samples are read from a file, and in which order an epoch takes them.
public struct LoadingSettings: Settings {
  /// What is larger is read while it is trained on. On one host the ranks share what they keep.
  @Setting("How much of a data set a rank may keep in memory, such as 4GB; 256MB unless given.", .from(1))
  public var memory = ByteCount(256_000_000)
  /// nil until the data are known: full where they fit the memory, else windowed.
  @Setting(
    "An epoch's order: full (any, which takes all samples in memory) or windowed (chunks, then samples within a window).",
    staysInEpoch: true)
  public var shuffle: Shuffling? = nil
  /// nil for what suits the data: a tenth of them, 16 MiB at most.
  @Setting("How much of the data a window of --shuffle windowed has, such as 16MB.", .from(1), staysInEpoch: true)
  public var window: ByteCount? = nil

  /// Left out samples are told at the end of each epoch.
  @Setting("Where samples can't be read: stop (the default), or skip them; others of their window take their place.")
  public var onBadChunk = OnBadChunk.stop

  /// What becomes of a training whose samples can't all be read.
  public enum OnBadChunk: String, SettingName {
    /// It ends.
    case stop
    /// It goes on without them.
    case skip
  }

  public init() {}

  /// The same for a data set.
  public var options: StreamingOptions {
    var options = StreamingOptions()
    (options.memory, options.shuffling, options.window) = (memory.bytes, shuffle, window?.bytes)
    options.skipsBadChunks = onBadChunk == .skip
    return options
  }
}

extension Shuffling: SettingName {}

/// So many bytes: 1000000, or with a unit 64KB, 256MB, 4GB (of 1000) and 64KiB, 256MiB, 4GiB (of 1024).
public struct ByteCount: SettingValue {
  /// Never less than 0.
  public let bytes: Int

  /// Negative numbers are none.
  public init(_ bytes: Int) { self.bytes = max(bytes, 0) }

  private static let units: [(name: String, bytes: Int)] = [
    ("KB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000), ("KiB", 1 << 10),
    ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40), ("", 1),
  ]

  public init?(text: String) {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let name = text.dropFirst(digits.count).lowercased()
    guard let number = Int(digits), let unit = Self.units.first(where: { $0.name.lowercased() == name }) else {
      return nil
    }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: unit.bytes)
    if overflow { return nil }
    self.init(bytes)
  }

  public var text: String {
    let unit = bytes == 0 ? nil : Self.units.filter { bytes % $0.bytes == 0 }.max { $0.bytes < $1.bytes }
    return "\(bytes / (unit?.bytes ?? 1))\(unit?.name ?? "")"
  }
  public static var wanted: String { "a number of bytes such as 256MB" }
  public var number: Double? { Double(bytes) }

  public init(from decoder: any Decoder) throws { self.init(try Int(from: decoder)) }
  public func encode(to encoder: any Encoder) throws { try bytes.encode(to: encoder) }
}
