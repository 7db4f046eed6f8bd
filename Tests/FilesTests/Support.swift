import Foundation
import HDF5Files
import Testing

/// A folder for one test's files, removed when the test has ended.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("lockstep-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes a file and returns its path.
  func put(_ bytes: [UInt8], _ name: String) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
    return file(name)
  }

  var names: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
  }
}

/// What `body` throws, in one line; nil when it throws nothing.
func message(of body: () throws -> Void) -> String? {
  do {
    try body()
    return nil
  } catch {
    return "\(error)"
  }
}

/// Programs that other tests may lack.
enum Program {
  /// A Python that has h5py: `$LOCKSTEP_PYTHON`, else one of the usual.
  static let pythonWithH5py: String? = {
    let named = ProcessInfo.processInfo.environment["LOCKSTEP_PYTHON"].map { [$0] } ?? []
    return (named + ["/usr/bin/python3", "/tmp/torch/bin/python"]).first { path in
      FileManager.default.isExecutableFile(atPath: path) && (try? run(path, ["-c", "import h5py"]))?.status == 0
    }
  }()

  /// Runs a program to its end and returns its exit status and what it printed.
  static func run(_ path: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }

  /// Runs Python lines that print what the test compares; a failing line fails the test with Python's own words.
  static func python(_ lines: String, _ arguments: [String]) throws -> String {
    let path = try #require(pythonWithH5py)
    let (status, output) = try run(path, ["-c", lines] + arguments)
    #expect(status == 0, "\(output)")
    return output.trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
