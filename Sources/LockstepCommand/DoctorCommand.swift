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
    let hosts = try HostReport(over: communicator)
    guard communicator.isRoot else { return }
    print("cores             \(Cores.own) available to this process")
    print("threads per rank  \(Threads.perRank) (OMP_NUM_THREADS)")
    print("memory            \(ProcessInfo.processInfo.physicalMemory >> 30) GiB")
    print("processor         \(Processor.own)")
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
}
