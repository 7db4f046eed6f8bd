import Glibc

/// Memory from which large blocks are cut: what neighbouring blocks leave is one gap again, so the process holds little more
/// than was in use at the most, whatever sizes come one after the other. It keeps that.
///
/// It grows within addresses that are set aside at the beginning, so that new memory joins the gap before it. The system gives memory
/// to an address only when somebody writes there.
struct Arena: ~Copyable {
  /// It grows by multiples of the system's large pages: a walk over small ones spends a part of its time on looking them up.
  private static let largePage: UInt = 1 << 21
  /// Where addresses are limited, so many are set aside at a time.
  private static let leastReserved = 1 << 26

  /// By ascending addresses; no two touch.
  private(set) var gaps: [Range<UInt>] = []
  /// All that blocks have been cut from.
  private(set) var byteCount = 0
  /// Addresses behind that, for which nobody has asked yet.
  private var reserve: Range<UInt> = 0..<0
  /// Whether the process may have only so many (`ulimit -v`): then no more are set aside than are needed soon.
  private let hasLimit: Bool

  init(hasLimit: Bool = Self.systemHasLimit) { self.hasLimit = hasLimit }

  static var systemHasLimit: Bool {
    var limit = rlimit()
    return getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) != 0 || limit.rlim_cur != .max
  }

  /// The beginning of a block; nil where the system has no more.
  mutating func take(_ size: Int) -> UInt? {
    guard let place = smallestGap(of: size) ?? grow(by: size) else { return nil }
    let start = gaps[place].lowerBound
    if gaps[place].count == size {
      gaps.remove(at: place)
    } else {
      gaps[place] = start + UInt(size)..<gaps[place].upperBound
    }
    return start
  }

  mutating func give(_ start: UInt, _ size: Int) { _ = insert(start..<start + UInt(size)) }

  private func smallestGap(of size: Int) -> Int? {
    var best: Int?
    for (place, gap) in gaps.enumerated() where gap.count >= size {
      if best.map({ gap.count < gaps[$0].count }) ?? true { best = place }
    }
    return best
  }

  /// Inserts a gap that joins its neighbours, and returns its place.
  private mutating func insert(_ gap: Range<UInt>) -> Int {
    var (low, high) = (0, gaps.count)
    while low < high {
      let middle = (low + high) / 2
      if gaps[middle].lowerBound < gap.lowerBound { low = middle + 1 } else { high = middle }
    }
    let joinsLeft = low > 0 && gaps[low - 1].upperBound == gap.lowerBound
    let joinsRight = low < gaps.count && gaps[low].lowerBound == gap.upperBound
    let first = joinsLeft ? low - 1 : low
    let whole = (joinsLeft ? gaps[low - 1] : gap).lowerBound..<(joinsRight ? gaps[low] : gap).upperBound
    gaps.replaceSubrange(first..<(joinsRight ? low + 1 : low), with: CollectionOfOne(whole))
    return first
  }

  /// The place of a gap that is large enough, which has been made so.
  private mutating func grow(by size: Int) -> Int? {
    var missing = UInt(size)
    // What lies free at the end is a part of it.
    if let last = gaps.last, last.upperBound == reserve.lowerBound { missing -= UInt(last.count) }
    if let place = extend(by: missing) { return place }
    // What is left of the old reserve is too small for this, but not for others.
    if !reserve.isEmpty { _ = extend(by: UInt(reserve.count)) }
    guard let fresh = addresses(atLeast: size) else { return nil }
    reserve = fresh
    return extend(by: UInt(size))
  }

  /// A gap with so much more of the reserve, in whole large pages as far as it has them; nil if it is too small.
  private mutating func extend(by missing: UInt) -> Int? {
    guard missing <= reserve.count else { return nil }
    let step = min((missing + Self.largePage - 1) / Self.largePage * Self.largePage, UInt(reserve.count))
    let (start, end) = (reserve.lowerBound, reserve.lowerBound + step)
    reserve = end..<reserve.upperBound
    byteCount += Int(step)
    return insert(start..<end)
  }

  /// Addresses for as much as this machine has memory, or for little more than what is needed now.
  private func addresses(atLeast size: Int) -> Range<UInt>? {
    let (needed, overflows) = max(size, Self.leastReserved).addingReportingOverflow(Int(Self.largePage))
    if overflows { return nil }
    let wanted = hasLimit ? 0 : sysconf(Int32(_SC_PHYS_PAGES)) &* sysconf(Int32(_SC_PAGESIZE))
    for count in [max(wanted, needed), needed] {
      let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
      guard let memory = mmap(nil, count, PROT_READ | PROT_WRITE, flags, -1, 0), memory != MAP_FAILED else { continue }
      madvise(memory, count, MADV_HUGEPAGE)
      let start = UInt(bitPattern: memory)
      return start..<start + UInt(count)
    }
    return nil
  }
}
