import Foundation
import Lockstep

/// The variables of the environment by which a job is set up, LOCKSTEP_…: plain mpirun gives them to the ranks of its own host
/// alone.
enum JobSettings {
  /// Of one host each, not of the job.
  private static let ofHosts = ["LOCKSTEP_JOB", "LOCKSTEP_RECOVERY", "LOCKSTEP_SHM", "LOCKSTEP_DATASETS"]

  /// Gives rank 0's to ranks that have none, and refuses others. Collective.
  static func share(over communicator: Communicator) throws {
    let all = try communicator.tellAll(own)
    if Set(all).count == 1 { return }
    let names = Set(own.map(name))
    for line in all[0] where !names.contains(name(of: line)) {
      setenv(name(of: line), String(line.dropFirst(name(of: line).count + 1)), 1)
    }
    try Replicas.agree(["settings " + own.joined(separator: " ")], over: communicator)
  }

  private static var own: [String] {
    ProcessInfo.processInfo.environment.filter { $0.key.hasPrefix("LOCKSTEP_") && !ofHosts.contains($0.key) }
      .map { "\($0.key)=\($0.value)" }.sorted()
  }

  private static func name(of line: String) -> String { String(line.prefix { $0 != "=" }) }
}
