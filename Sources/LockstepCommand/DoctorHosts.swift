import Foundation
import Lockstep

/// What `doctor` says of each host of a job.
struct HostReport {
  /// What one rank knows of its host.
  private struct View {
    let host, locking, transport, interfaces: String
    let all, own, threads: Int

    static var words: [String] {
      [
        String(ProcessInfo.processInfo.hostName.prefix { $0 != "." }), FileLocking.word(of: "."), MPILibrary.transport,
        MPILibrary.interfaces, "\(Cores.all)", "\(Cores.own)", "\(Threads.perRank)",
      ]
    }

    init(_ words: [String]) {
      (host, locking, transport, interfaces) = (words[0], words[1], words[2], words[3])
      (all, own, threads) = (Int(words[4]) ?? 1, Int(words[5]) ?? 1, Int(words[6]) ?? 1)
    }

    /// Whether the rank may use some of the cores only.
    var isBound: Bool { own < all }
  }

  private let views: [View]
  /// The ranks of each host, hosts in the order of their first ranks.
  private let hosts: [(name: String, ranks: [Int])]

  /// Collective.
  init(over communicator: Communicator) throws {
    let views = try communicator.tellAll(View.words).map(View.init)
    let byName = Dictionary(grouping: views.indices) { views[$0].host }
    hosts = byName.map { ($0.key, $0.value.sorted()) }.sorted { $0.ranks[0] < $1.ranks[0] }
    self.views = views
  }

  /// A line of each host.
  var lines: [String] {
    let width = hosts.map(\.name.count).max() ?? 0
    return hosts.map { name, ranks in
      let view = views[ranks[0]]
      let numbers = ranks.count == 1 ? "rank \(ranks[0])" : "ranks " + listed(ranks)
      let binding = view.isBound ? "bound to \(view.own) each" : "not bound"
      let threads = view.threads == 1 ? "1 thread each" : "\(view.threads) threads each"
      return
        "  \(name.padding(toLength: width, withPad: " ", startingAt: 0))  \(numbers), \(view.all) cores, \(binding), "
        + "\(threads), \(view.locking), \(view.transport)" + (hosts.count > 1 ? ", \(view.interfaces)" : "")
    }
  }

  /// What is wrong on a host, where something is.
  var warning: String? {
    hosts.lazy.compactMap { name, ranks in
      let view = views[ranks[0]]
      let (used, cores) = (ranks.count * view.threads, view.isBound ? view.own * ranks.count : view.all)
      if view.isBound, view.threads > view.own {
        return "\(name) binds \(view.threads) threads to \(view.own) of its cores: --bind-to none"
      }
      return used > cores && view.threads > 1 ? "\(name) has \(cores) cores for \(used) threads" : nil
    }.first
  }

  /// How the job is started well.
  var command: String {
    let counts = hosts.map { name, ranks in (name, min(ranks.count, views[ranks[0]].all)) }
    let start =
      counts.count == 1
      ? "\(LaunchScript.local.command) \(views.count == 1 ? views[0].own : counts[0].1)"
      : "\(LaunchScript.cluster.command) " + counts.map { "\($0.0):\($0.1)" }.joined(separator: ",")
    return "\(start) -- train lenet --data fashion-mnist.h5"
  }

  /// `1 and 2`, `0, 1 and 2` or `0 to 15`.
  private func listed(_ ranks: [Int]) -> String {
    if ranks.count > 3, ranks[ranks.count - 1] - ranks[0] == ranks.count - 1 {
      return "\(ranks[0]) to \(ranks[ranks.count - 1])"
    }
    return ranks.dropLast().map(String.init).joined(separator: ", ") + " and \(ranks[ranks.count - 1])"
  }
}

/// Whether files can be locked, as whoever writes checkpoints into a shared folder wants to know.
enum FileLocking {
  static func word(of folder: String) -> String {
    let path = "\(folder)/.lockstep-doctor-\(ProcessInfo.processInfo.hostName)-\(getpid())"
    let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return "can't write here" }
    defer {
      close(descriptor)
      unlink(path)
    }
    return flock(descriptor, LOCK_EX | LOCK_NB) == 0 ? "locks files" : "can't lock files"
  }
}

/// What of Open MPI carries messages.
enum MPILibrary {
  /// The components that it has kept, by their names; it closes those that it has no use for.
  static var transport: String {
    let maps = (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)) ?? ""
    func names(_ kind: String) -> [String] {
      let parts = maps.components(separatedBy: "/mca_\(kind)_").dropFirst()
      return Set(parts.compactMap { $0.components(separatedBy: ".so").first }).subtracting(["self"]).sorted()
    }
    let (layers, ways) = (names("pml"), names("btl"))
    if layers.isEmpty { return "messages by Open MPI's choice" }
    return "messages by " + (ways.isEmpty || layers == ["ucx"] ? layers : ways).joined(separator: " and ")
  }

  /// What the launcher was told, or all that there are.
  static var interfaces: String {
    if let chosen = ProcessInfo.processInfo.environment["OMPI_MCA_btl_tcp_if_include"] { return "interface \(chosen)" }
    let all = (try? FileManager.default.contentsOfDirectory(atPath: "/sys/class/net")) ?? []
    return "interface " + all.filter { $0 != "lo" }.sorted().joined(separator: " or ")
  }
}
