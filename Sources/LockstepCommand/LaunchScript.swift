import Foundation

/// A script that starts jobs: one of the repository's or, beside a program that a package has installed, what that calls it.
enum LaunchScript: String {
  case local, cluster

  /// What a user types.
  var command: String {
    let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    let installed = "lockstep-\(rawValue)"
    let place = URL(fileURLWithPath: program).deletingLastPathComponent().appendingPathComponent(installed).path
    return FileManager.default.isExecutableFile(atPath: place) ? installed : "launch/\(rawValue)"
  }
}
