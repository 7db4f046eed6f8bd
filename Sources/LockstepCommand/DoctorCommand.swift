import ArgumentParser
import Foundation
import HDF5Files
import Kernels
import Lockstep

struct DoctorCommand: JobCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Shows this machine, MPI, HDF5 and threads, and the command to use.")

  @Flag(help: "Under mpirun: also measures how long sums between the ranks take, by each algorithm.") var network =
    false

  func run() throws {
    let communicator = try joinJob()
    let table = network ? try NetworkTable(measuring: communicator) : nil
    let cores = Threads.cores
    let hosts = try HostReport(over: communicator)
    guard communicator.isRoot else { return }
    print("cores             \(cores) available to this process")
    print("threads per rank  \(Threads.perRank) (OMP_NUM_THREADS)")
    print("memory            \(ProcessInfo.processInfo.physicalMemory >> 30) GiB")
    print("processor         \(Self.processor)")
    print("MPI               \(Environment.libraryVersion)")
    print("HDF5              \(HDF5File.libraryVersion)")
    print(
      "kernels           \(kernelLibraryVersion), \(OneDNN.hasWinograd ? "with" : "without") Winograd convolutions"
    )
    let sets = InstructionSet.available.map(\.rawValue).joined(separator: " ")
    print("instructions      \(InstructionSet.inUse.rawValue) of \(sets)")
    print("job               \(communicator.size == 1 ? "one process" : "\(communicator.size) ranks")")
    for line in hosts.lines { print(line) }
    if let sums = communicator.sumDescription { print("sums              \(sums)") }
    if let table { print(table.lines.joined(separator: "\n")) }
    if let warning = hosts.warning { print("warning           \(warning)") }
    print("use               \(hosts.command)")
  }

  /// The processor's name and which vector instructions it has.
  private static var processor: String {
    let flags = Set((Processor.field("flags") ?? "").split(separator: " "))
    let known = ["avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16"].filter { flags.contains(Substring($0)) }
    return "\(Processor.name) (\(known.joined(separator: " ")))"
  }
}

/// How many cores and threads a process has.
enum Threads {
  static var cores: Int { ProcessInfo.processInfo.activeProcessorCount }

  /// What is wrong where the ranks of this host have more threads than cores, and what is better.
  static func crowd(of communicator: Communicator) -> String? {
    // Where each rank is bound to cores of its own, these are not shared.
    let isBound = cores < ProcessInfo.processInfo.processorCount
    let ranks = isBound ? 1 : communicator.ranksOnHost
    guard communicator.size > 1, perRank > 1, ranks * perRank > cores else { return nil }
    return "\(ranks) ranks of \(perRank) threads share \(cores) cores: OMP_NUM_THREADS=\(max(1, cores / ranks)), "
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

  /// What oneDNN uses: OMP_NUM_THREADS, or every core.
  static var perRank: Int {
    ProcessInfo.processInfo.environment["OMP_NUM_THREADS"].flatMap { Int($0) } ?? cores
  }
}
