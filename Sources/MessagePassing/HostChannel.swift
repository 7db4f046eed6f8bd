import CMPI
import Failures
import Glibc

/// Shows a watchdog what the ranks of other hosts do. It asks only while its rank has been waiting for long: a datagram to the
/// first rank of each other host, whose watchdog answers with the records of all ranks there.
///
/// Where datagrams do not get through, nothing is known of other hosts, and their ranks count as late.
final class HostChannel: @unchecked Sendable {
  /// Where a host can be asked; which of its addresses lead there, only trying shows.
  struct Place: Equatable {
    var addresses: [UInt32]
    var port: UInt16
  }

  private static let mostAddresses = 6
  /// An answer counts for so long.
  private static let freshSeconds = 3.0

  private let descriptor: Int32
  private let board: ProgressBoard
  /// Told to the ranks of the job alone: datagrams without it are nobody's.
  private let secret: UInt64
  /// Of the other hosts.
  private let places: [Place]
  // Only the watchdog's thread touches them.
  private var answers: [Int: (progress: RankProgress, at: UInt64)] = [:]
  private var buffer = [UInt64](repeating: 0, count: 8192)

  init(_ descriptor: Int32, _ board: ProgressBoard, secret: UInt64, places: [Place]) {
    (self.descriptor, self.board, self.secret, self.places) = (descriptor, board, secret, places)
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
    let all = try transport.gatherAlike(words)
    guard let own else { return nil }
    let others = all.indices.filter { $0 != transport.rank && all[$0][2] != 0 }
    let places = others.map { rank in
      let known = all[rank][2...].filter { $0 != 0 }.map { UInt32(truncatingIfNeeded: $0) }
      return Place(addresses: known, port: UInt16(truncatingIfNeeded: all[rank][1]))
    }
    return HostChannel(own.descriptor, board, secret: UInt64(bitPattern: all[0][0]), places: places)
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
  }

  /// Asks all other hosts what their ranks do.
  func ask() {
    for place in places {
      for address in place.addresses {
        var name = sockaddr_in()
        (name.sin_family, name.sin_port) = (sa_family_t(AF_INET), place.port.bigEndian)
        name.sin_addr.s_addr = address
        send([secret, Kind.question.rawValue], to: name)
      }
    }
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
      case .answer: note(buffer[2..<count], at: now)
      case nil: continue
      }
    }
  }

  /// What was last heard of other hosts' ranks, if that is not long ago.
  func progress(at now: UInt64) -> [RankProgress] {
    answers.values.compactMap { answer in
      let age = (Double(now) - Double(answer.at)) / 1e9
      guard age < Self.freshSeconds else { return nil }
      var progress = answer.progress
      progress.stillSeconds += age
      return progress
    }
  }

  private func note(_ words: ArraySlice<UInt64>, at now: UInt64) {
    for start in stride(from: words.startIndex, to: words.endIndex - 6, by: 7) {
      let silent = Double(words[start + 5]) / 1e9
      let still = words[start + 6] == .max ? Double.infinity : Double(words[start + 6]) / 1e9
      let words = Array(words[start..<start + 5])
      guard let progress = RankProgress(words: words, silentSeconds: silent, stillSeconds: still) else { continue }
      answers[progress.rank] = (progress, now)
    }
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
