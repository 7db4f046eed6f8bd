import Datasets
import Failures
import Foundation
import HDF5Files
import Kernels

/// The plans that were measured on this machine, kept beside the user's other caches: a file for each machine and number of threads.
/// Written whole or not at all, so that of several jobs the last one's plans stay, and nobody reads half of them.
struct PlanFile {
  /// What the times of kernels depend on. Plans of anything else are not taken.
  struct Machine: Codable, Equatable {
    var kernels = KernelPlans.version
    /// Kernels that are not optimised are slow in their own way.
    #if DEBUG
      var build = "debug"
    #else
      var build = "release"
    #endif
    var processor = Processor.own.description
    var instructions = InstructionSet.inUse.rawValue
    var threads: Int
    var library = kernelLibraryVersion

    init(threads: Int) { self.threads = threads }
  }

  private struct Content: Codable {
    let machine: Machine
    let plans: [KernelPlan]
  }

  private let machine: Machine
  private let path: String

  /// In `folder`; nil where there is none.
  init?(in folder: String?, _ machine: Machine) throws {
    guard let folder else { return nil }
    self.machine = machine
    let name = try [UInt8](Self.encoder.encode(machine)).withUnsafeBytes(Checksum.crc32)
    path = "\(folder)/kernels-\(String(name, radix: 16)).json"
  }

  /// `$XDG_CACHE_HOME/lockstep`, or `~/.cache/lockstep`; nil for a user with neither.
  static var usualFolder: String? {
    let environment = ProcessInfo.processInfo.environment
    if let caches = environment["XDG_CACHE_HOME"], caches.hasPrefix("/") { return caches + "/lockstep" }
    guard let home = environment["HOME"], home.hasPrefix("/") else { return nil }
    return home + "/.cache/lockstep"
  }

  private static var encoder: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return encoder
  }

  /// What was measured so far; none where the file is no such file, which `warn` is told of.
  func read(warn: (String) -> Void) -> [KernelPlan] {
    guard FileManager.default.fileExists(atPath: path) else { return [] }
    do {
      let file = try InputFile(path)
      guard file.byteCount <= 1 << 24 else { throw FileError(.unreadable, path: path, "is too large for plans") }
      let bytes = try file.bytes(at: 0, count: file.byteCount)
      guard let content = try? JSONDecoder().decode(Content.self, from: Data(bytes)) else {
        throw FileError(.unreadable, path: path, "does not hold plans of kernels")
      }
      guard content.machine == machine else {
        throw FileError(.unreadable, path: path, "holds the plans of another machine")
      }
      return content.plans
    } catch {
      warn("\(error); its plans are measured anew")
      return []
    }
  }

  /// Adds plans to those that others may have written meanwhile. What can't be kept is measured again the next time.
  func add(_ plans: [KernelPlan], warn: (String) -> Void) {
    let known = Set(plans.map { Key($0) })
    let others = read { _ in }.filter { !known.contains(Key($0)) }
    do {
      try FileManager.default.createDirectory(
        atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try AtomicFile.write([UInt8](Self.encoder.encode(Content(machine: machine, plans: others + plans))), to: path)
    } catch {
      let reason = (error as? any Failure)?.description ?? "\(path): \(error.localizedDescription)"
      warn("\(reason); the plans of kernels are not kept")
    }
  }

  private struct Key: Hashable {
    let problem: KernelProblem
    let batch: Int
    init(_ plan: KernelPlan) { (problem, batch) = (plan.problem, plan.batch) }
  }
}
