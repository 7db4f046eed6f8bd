import Foundation
import Testing

/// Programs that tests start.
enum Program {
  struct Result {
    let status: Int32
    let output: String
    /// Standard error without its last line break.
    let errors: String
    let seconds: Double

    /// All that it said.
    var text: String { output + errors }
  }

  /// Runs a program to its end, without input.
  static func run(_ path: String, _ arguments: [String], environment: [String: String] = [:]) throws -> Result {
    let folder = try TemporaryFolder()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    // Files, not pipes: one that is full while the other is read would block the program.
    let handles = try ["output", "errors"].map { name in
      try #require(FileHandle(forWritingAtPath: folder.put([], name)))
    }
    (process.standardOutput, process.standardError) = (handles[0], handles[1])
    process.standardInput = FileHandle.nullDevice
    let start = Date()
    try process.run()
    process.waitUntilExit()
    let texts = try ["output", "errors"].map { name in
      String(decoding: try Data(contentsOf: URL(fileURLWithPath: folder.file(name))), as: UTF8.self)
    }
    return Result(
      status: process.terminationStatus, output: texts[0],
      errors: texts[1].hasSuffix("\n") ? String(texts[1].dropLast()) : texts[1],
      seconds: Date().timeIntervalSince(start))
  }

  /// The program that runs the tests.
  static var ofTests: String {
    get throws { try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") }
  }
}

/// Jobs of several ranks, started as the scripts do: idle ranks yield, one thread each. Containers often forbid reading
/// another process's memory, which Open MPI's single copies need (of two names one is Open MPI 4's, the other 5's).
enum Job {
  static let environment = [
    "OMP_NUM_THREADS": "1", "OMPI_MCA_mpi_yield_when_idle": "1", "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
    "OMPI_MCA_smsc": "^cma",
  ]

  private static let launcher = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().appendingPathComponent("../../launch/mpirun").standardizedFileURL.path

  /// - Parameters:
  ///   - programs: how many ranks run each, with its arguments.
  ///   - limit: seconds after which the job is killed.
  static func run(
    _ programs: [(ranks: Int, words: [String])], limit: Int, environment: [String: String] = [:]
  ) throws -> Program.Result {
    let ranks = programs.reduce(0) { $0 + $1.ranks }
    var words = ["timeout", "--kill-after=5", "\(limit)", launcher, "-n", "\(ranks)"]
    words += programs.count == 1 ? programs[0].words : ["/bin/sh", "-c", choice(of: programs)]
    return try Program.run("/usr/bin/env", words, environment: Self.environment.merging(environment) { $1 })
  }

  /// Lines of shell that run each rank's program. (Programs joined by ":" crash mpirun of Open MPI 5.0.7.)
  private static func choice(of programs: [(ranks: Int, words: [String])]) -> String {
    var first = 0
    let cases = programs.map { program in
      defer { first += program.ranks }
      let ranks = (first..<first + program.ranks).map(String.init).joined(separator: "|")
      let words = program.words.map { "'" + $0.replacingOccurrences(of: "'", with: "'\\''") + "'" }
      return "\(ranks)) exec \(words.joined(separator: " ")) ;;"
    }
    return "case $OMPI_COMM_WORLD_RANK in \(cases.joined(separator: " ")) esac"
  }
}

/// A Python that has a module, where there is one: `$LOCKSTEP_PYTHON`, else the system's.
enum Python {
  static let withH5py = having("h5py")
  static let withSafeTensors = having("safetensors, numpy")

  private static func having(_ modules: String) -> String? {
    let named = ProcessInfo.processInfo.environment["LOCKSTEP_PYTHON"].map { [$0] } ?? []
    return (named + ["/usr/bin/python3"]).first { path in
      FileManager.default.isExecutableFile(atPath: path)
        && (try? Program.run(path, ["-c", "import \(modules)"]))?.status == 0
    }
  }

  /// What the lines print; where they fail, the test fails with Python's own words.
  static func run(_ lines: String, _ arguments: [String], with python: String? = withH5py) throws -> String {
    let result = try Program.run(#require(python), ["-c", lines] + arguments)
    #expect(result.status == 0, "\(result.errors)")
    return result.output.trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
