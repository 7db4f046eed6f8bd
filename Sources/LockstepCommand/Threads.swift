import Foundation
import Lockstep

/// How many threads a rank has.
enum Threads {
  /// What kernels use: OMP_NUM_THREADS, or every core.
  static var perRank: Int {
    ProcessInfo.processInfo.environment["OMP_NUM_THREADS"].flatMap { Int($0) } ?? Cores.own
  }

  /// What is wrong where the ranks of this host have more threads than cores, and what is better.
  static func crowd(of communicator: Communicator) -> String? {
    // Where each rank is bound to cores of its own, these are not shared.
    let (ranks, cores) = (Cores.areBound ? 1 : communicator.ranksOnHost, Cores.own)
    guard communicator.size > 1, perRank > 1, ranks * perRank > cores else { return nil }
    return "\(ranks) ranks of \(perRank) threads share \(cores) cores: OMP_NUM_THREADS=\(Cores.own(of: ranks)), "
      + "which \(LaunchScript.local.command) and \(LaunchScript.cluster.command) set, is faster"
  }

  /// Refuses a number of threads that would break the OpenMP library, which believes any.
  static func check() throws {
    let (name, most) = ("OMP_NUM_THREADS", 1024)
    guard let text = ProcessInfo.processInfo.environment[name] else { return }
    for part in text.split(separator: ",") {
      let digits = part.filter { !$0.isWhitespace }
      guard digits.allSatisfy(\.isNumber), Int(digits).map({ $0 > most }) ?? true, !digits.isEmpty else { continue }
      throw ConfigurationError("\(name) is \(text), but must be in 1…\(most)")
    }
  }
}
