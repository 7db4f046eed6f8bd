import Glibc

/// What became of one file.
enum Outcome: Int {
  /// An error says what is wrong with it.
  case refused
  /// It says the same as the good one.
  case same
  /// It is read without a word, and says something else.
  case other
}

/// How far the work is, in a file that outlives the process: the index of the next file, how many had each outcome, and the
/// most memory that one took beyond its size, and which.
final class Status {
  private let descriptor: Int32
  private var numbers: [Int64]

  var next: Int { Int(numbers[0]) }

  init(_ path: String, from: Int) throws {
    descriptor = open(path, O_RDWR | O_CREAT, 0o666)
    numbers = [Int64](repeating: 0, count: 6)
    let size = numbers.count * 8
    if pread(descriptor, &numbers, size, 0) != size { numbers = [Int64](repeating: 0, count: 6) }
    numbers[0] = Int64(from)
  }

  deinit { close(descriptor) }

  func record(_ index: Int, _ outcome: @autoclosure () throws -> (Outcome, memory: Int)) throws {
    // A file that keeps the process busy for so long hangs; the signal ends it, as a trap would.
    alarm(20)
    numbers[0] = Int64(index)
    save()
    let (outcome, memory) = try outcome()
    numbers[0] += 1
    numbers[1 + outcome.rawValue] += 1
    if memory > numbers[4] { (numbers[4], numbers[5]) = (Int64(memory), Int64(index)) }
    save()
    alarm(0)
  }

  private func save() { _ = pwrite(descriptor, numbers, numbers.count * 8, 0) }
}

/// Resident memory of this process, as the kernel counts it.
enum Memory {
  /// Bytes now, and from now on the most until `peak` is asked.
  static func mark() -> Int {
    let descriptor = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)
    _ = write(descriptor, "5", 1)
    close(descriptor)
    return field("VmRSS:")
  }

  /// The most bytes since `mark`.
  static func peak() -> Int { field("VmHWM:") }

  private static func field(_ name: String) -> Int {
    let descriptor = open("/proc/self/status", O_RDONLY | O_CLOEXEC)
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = read(descriptor, &bytes, bytes.count)
    let text = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
    let line = text.split(separator: "\n").first { $0.hasPrefix(name) } ?? ""
    let kilobytes = line.split { $0 == " " || $0 == "\t" }.dropFirst().first.flatMap { Int($0) }
    return (kilobytes ?? 0) * 1024
  }
}

/// Marsaglia's xorshift: numbers that a seed and an index give again.
struct Dice: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64, index: Int) {
    state = (seed &* 0x9E37_79B9_7F4A_7C15) ^ (UInt64(truncatingIfNeeded: index) &+ 1) &* 0xD1B5_4A32_D192_ED03
    if state == 0 { state = 1 }
    for _ in 0..<8 { _ = next() }
  }

  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
}
