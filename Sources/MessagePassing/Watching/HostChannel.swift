import CMPI
import Failures
import Glibc

/// Shows a watchdog what the ranks of other hosts do. It asks now and then, and often while its rank has been waiting for long:
/// a datagram to the first rank of each other host, whose watchdog answers with the records of all ranks there.
///
/// A host that has answered and no longer does is out of reach, unless its system still does: then that rank has stopped, or
/// ended. Where datagrams never get through, nothing is known of other
/// hosts, and their ranks count as late.
final class HostChannel: @unchecked Sendable {
  /// Where a host can be asked; which of its addresses lead there, only trying shows.
  struct Place: Equatable {
    var addresses: [UInt32]
    var port: UInt16
  }

  private static let mostAddresses = 6
  private static let nameWords = 8
  /// An answer counts for so long.
  private static let freshSeconds = 2.0
  /// So often one asks whose rank does not wait, and this much rarer for each host.
  private static let (calmSeconds, calmSecondsPerHost) = (1.0, 0.01)

  private struct Answer {
    var progress: RankProgress
    var at: UInt64
    var from: sockaddr_in
    /// Since nothing was heard any more: what the host's system says of whom it came from.
    var absence = Absence.outOfReach
  }

  private let descriptor: Int32
  private let board: ProgressBoard
  /// Told to the ranks of the job alone: datagrams without it are nobody's.
  private let secret: UInt64
  /// Of the other hosts.
  private let places: [Place]
  /// The name of each rank's host.
  let names: [String]
  // Only the watchdog's thread touches them.
  private var answers: [Int: Answer] = [:]
  private var buffer = [UInt64](repeating: 0, count: 8192)
  /// Since when it has been asking without a pause, and when it asked last.
  private var (askingSince, askedAt): (UInt64, UInt64) = (0, 0)
  /// When another host's rank said that it ends the job.
  private(set) var endsAt: UInt64?

  init(_ descriptor: Int32, _ board: ProgressBoard, secret: UInt64, places: [Place], names: [String] = []) {
    (self.descriptor, self.board, self.secret) = (descriptor, board, secret)
    (self.places, self.names) = (places, names)
  }

  deinit { close(descriptor) }

  /// Collective over the job's ranks; nil where all are on one host, or this one has no network.
  static func open(over transport: any Transport, _ board: ProgressBoard) throws -> HostChannel? {
    let counts = try transport.gatherAlike([Int64(board.recordCount)])
    if counts.allSatisfy({ $0[0] == Int64(transport.size) }) { return nil }
    let own = bound()
    var words = [Int64(bitPattern: UInt64.random(in: .min ... .max)), Int64(own?.port ?? 0)]
    // The first rank of each host can be asked.
    let addresses = own == nil || board.index > 0 ? [] : Array(ownAddresses().prefix(mostAddresses))
    words += addresses.map { Int64($0) } + [Int64](repeating: 0, count: mostAddresses - addresses.count)
    words += ownName()
    let all = try transport.gatherAlike(words)
    guard let own else { return nil }
    let others = all.indices.filter { $0 != transport.rank && all[$0][2] != 0 }
    let places = others.map { rank in
      let known = all[rank][2..<2 + mostAddresses].filter { $0 != 0 }.map { UInt32(truncatingIfNeeded: $0) }
      return Place(addresses: known, port: UInt16(truncatingIfNeeded: all[rank][1]))
    }
    let names = all.map { words in
      let bytes = words.suffix(nameWords).flatMap { word in withUnsafeBytes(of: word) { Array($0) } }
      return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    return HostChannel(own.descriptor, board, secret: UInt64(bitPattern: all[0][0]), places: places, names: names)
  }

  /// This host's, without its domain, as words.
  private static func ownName() -> [Int64] {
    var host = utsname()
    uname(&host)
    let full = withUnsafeBytes(of: host.nodename) { Array($0).prefix { $0 != 0 && $0 != UInt8(ascii: ".") } }
    let name = full.prefix(nameWords * 8 - 1) + [UInt8](repeating: 0, count: nameWords * 8)
    return Array(name.prefix(nameWords * 8)).withUnsafeBytes { Array($0.bindMemory(to: Int64.self)) }
  }

  /// A socket that never blocks, with the port that the system gave it.
  static func bound() -> (descriptor: Int32, port: UInt16)? {
    let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &name) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
      }
    }
    guard isBound else {
      close(descriptor)
      return nil
    }
    return (descriptor, UInt16(bigEndian: name.sin_port))
  }

  /// This host's addresses but the loopback's, as the network orders their bytes.
  private static func ownAddresses() -> [UInt32] {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&list) == 0 else { return [] }
    defer { freeifaddrs(list) }
    return sequence(first: list, next: { $0?.pointee.ifa_next }).compactMap { entry in
      guard let entry, let address = entry.pointee.ifa_addr, address.pointee.sa_family == AF_INET,
        entry.pointee.ifa_flags & UInt32(IFF_LOOPBACK) == 0
      else { return nil }
      return address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { $0.pointee.sin_addr.s_addr }
    }
  }
}

/// Datagrams are words in this machine's order: secret, kind, and of an answer seven words of each rank (`ProgressBoard.words`).
extension HostChannel {
  private enum Kind: UInt64 {
    case question = 1
    case answer
    case end
  }

  /// Asks all other hosts what their ranks do.
  func ask(at now: UInt64) {
    // Who was suspended can't have heard anything.
    if seconds(from: askedAt, to: now) > 3 * pauseSeconds { askingSince = now }
    askedAt = now
    send(.question)
    // Two questions went unanswered.
    let unheard = answers.filter { unheardSeconds($0.value, at: now) > 2 * pauseSeconds }
    let hosts = Dictionary(grouping: unheard.keys) { (answers[$0]?.from.sin_addr.s_addr ?? 0) }
    for ranks in hosts.values {
      guard let name = ranks.first.flatMap({ answers[$0]?.from }) else { continue }
      let absence = absence(of: name)
      for rank in ranks { answers[rank]?.absence = absence }
    }
  }

  /// Tells the others that this rank is about to end the job, and why: one line is enough.
  func announceEnd() { send(.end) }

  private func send(_ kind: Kind) {
    for place in places {
      for address in place.addresses {
        var name = sockaddr_in()
        (name.sin_family, name.sin_port) = (sa_family_t(AF_INET), place.port.bigEndian)
        name.sin_addr.s_addr = address
        send([secret, kind.rawValue], to: name)
      }
    }
  }

  private var pauseSeconds: Double { Self.calmSeconds + Self.calmSecondsPerHost * Double(places.count) }

  /// Asks if that was not done for a while, and soon where somebody has never answered yet: of whom nothing was ever heard,
  /// nothing can be said when it is gone.
  func askCalmly(at now: UInt64) {
    let pause = hasHeardAll ? pauseSeconds : Self.calmSecondsPerHost * Double(places.count)
    if seconds(from: askedAt, to: now) >= pause { ask(at: now) }
  }

  /// Whether each of the other hosts has answered once.
  var hasHeardAll: Bool {
    let hosts = Set(answers.values.map { UInt64($0.from.sin_addr.s_addr) << 16 | UInt64($0.from.sin_port) })
    return hosts.count >= places.count
  }

  /// Answers what was asked since, and takes note of answers.
  func serve(at now: UInt64) {
    while true {
      var name = sockaddr_in()
      let count = receive(from: &name)
      guard count >= 0 else { return }
      guard count >= 2, buffer[0] == secret else { continue }
      switch Kind(rawValue: buffer[1]) {
      case .question: send([secret, Kind.answer.rawValue] + board.words(at: now).prefix(1100).joined(), to: name)
      case .answer: note(buffer[2..<count], from: name, at: now)
      case .end: endsAt = now
      case nil: continue
      }
    }
  }

  /// What was last heard of other hosts' ranks, if that is not long ago, or if it is long since they should have answered.
  func progress(at now: UInt64) -> [RankProgress] {
    answers.values.compactMap { answer in
      let (age, unheard) = (seconds(from: answer.at, to: now), unheardSeconds(answer, at: now))
      var progress = answer.progress
      if answer.absence == .ended || unheard >= Self.freshSeconds {
        (progress.silentSeconds, progress.stillSeconds) = (progress.silentSeconds + unheard, .infinity)
        progress.absence = answer.absence
      } else if age < Self.freshSeconds {
        progress.stillSeconds += age
      } else {
        return nil
      }
      return progress
    }
  }

  private func unheardSeconds(_ answer: Answer, at now: UInt64) -> Double {
    seconds(from: max(answer.at, askingSince), to: min(now, askedAt))
  }

  private func seconds(from begin: UInt64, to end: UInt64) -> Double { end > begin ? Double(end - begin) / 1e9 : 0 }

  private func note(_ words: ArraySlice<UInt64>, from name: sockaddr_in, at now: UInt64) {
    for start in stride(from: words.startIndex, to: words.endIndex - 6, by: 7) {
      let silent = Double(words[start + 5]) / 1e9
      let still = words[start + 6] == .max ? Double.infinity : Double(words[start + 6]) / 1e9
      let words = Array(words[start..<start + 5])
      guard var progress = RankProgress(words: words, silentSeconds: silent, stillSeconds: still) else { continue }
      progress.host = names.indices.contains(progress.rank) ? names[progress.rank] : nil
      answers[progress.rank] = Answer(progress: progress, at: now, from: name)
    }
  }

  /// What can be told of a rank that is not heard any more. Its host is asked where it has answered: other addresses may be
  /// of any host.
  private func absence(of name: sockaddr_in) -> Absence {
    if isRefused(name) { return .ended }
    // Nobody listens at port 1. A system that says so lives.
    var nobody = name
    nobody.sin_port = UInt16(1).bigEndian
    return isRefused(nobody) ? .stopped : .outOfReach
  }

  /// Whether the host says that nobody listens there.
  private func isRefused(_ name: sockaddr_in) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    // A network's answer takes a moment; nothing else has to be done meanwhile.
    var limit = timeval(tv_sec: 0, tv_usec: 20_000)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var (name, byte) = (name, UInt8(0))
    let isConnected = withUnsafePointer(to: &name) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    guard isConnected, Glibc.send(descriptor, &byte, 1, 0) == 1 else { return false }
    return recv(descriptor, &byte, 1, 0) < 0 && errno == ECONNREFUSED
  }

  private func send(_ words: [UInt64], to name: sockaddr_in) {
    var name = name
    withUnsafePointer(to: &name) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = sendto(descriptor, words, words.count * 8, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  /// The words of the next datagram, which are then in the buffer; −1 where there is none.
  private func receive(from name: inout sockaddr_in) -> Int {
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let count = withUnsafeMutablePointer(to: &name) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
        buffer.withUnsafeMutableBytes { recvfrom(descriptor, $0.baseAddress, $0.count, 0, name, &length) }
      }
    }
    return count < 0 ? -1 : count / 8
  }
}
