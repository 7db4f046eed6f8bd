import Foundation
import Testing

@testable import MessagePassing

/// Real jobs of three ranks in which the last one fails (`WatchdogScenario`): each must end in time, naming it.
@Suite(.serialized, .enabled(if: !Environment.isLaunchedByMPI)) struct WatchdogJobTests {
  private let limitSeconds = 2.0

  @Test func aStoppedRankIsNamed() throws {
    try expectAbort(.stopped, "rank 2 is stopped: at step 41, outside any collective, after allreduce #41")
  }

  @Test func aRankStoppedInsideACollectiveIsNamed() throws {
    try expectAbort(.stoppedInside, "rank 2 is stopped: at step 41")
  }

  @Test func aLateRankIsNamed() throws {
    try expectAbort(
      .late,
      "rank 2 is late: at step 41, outside any collective, after allreduce #41 of communicator 1 (rank 0 has waited")
  }

  @Test func aRankInAnotherCollectiveIsNamed() throws {
    try expectAbort(.anotherCollective, "rank 2 is in another collective: at step 41 in barrier #42")
  }

  @Test func anAllReduceThatARankNeverStartsIsNoticed() throws {
    try expectAbort(.neverStarted, "rank 2 is late: at step 41")
  }

  @Test func aMessageThatIsNeverSentIsNoticed() throws {
    try expectAbort(.neverSent, "rank 2 is late: at step 41")
  }

  @Test func aRankMissingAtTheEndIsNoticed() throws {
    try expectAbort(.finalizing, "rank 2 is late: at step 41")
  }

  @Test func aSlowRankIsOnlyWarnedAbout() throws {
    let job = try runJob(.slow)
    #expect(job.exitCode == 0, "\(job.output)")
    #expect(job.output.contains("lockstep: warning: rank 2 is late: at step 41"), "\(job.output)")
    #expect(!job.output.contains("aborting"))
  }

  @Test func aKilledRankEndsTheJobAtOnce() throws {
    let job = try runJob(.killed)
    #expect(job.exitCode != 0)
    #expect(job.elapsedSeconds < 10)
  }

  @Test func aRankThatAbortsEndsTheJobWithItsExitCode() throws {
    let job = try runJob(.abandoned)
    #expect(job.exitCode == 65, "\(job.output)")
    #expect(!job.output.contains("aborting the job"))
  }

  private func expectAbort(_ scenario: Scenario, _ text: String) throws {
    let job = try runJob(scenario)
    #expect(job.exitCode == Watchdog.exitCode, "\(job.output)")
    let lines = job.output.split(separator: "\n").filter { $0.hasSuffix("; aborting the job") }
    #expect(lines.count == 1, "\(job.output)")
    #expect(lines.first?.contains("lockstep: \(text)") == true, "\(job.output)")
    // Ranks that waited in a collective did not go on as if nothing had been when mpirun woke the stopped rank up.
    #expect([.neverSent, .finalizing].contains(scenario) || !job.output.contains("Test run() passed"), "\(job.output)")
    // Starting the job takes its time on a loaded machine; hanging takes for ever.
    #expect(job.elapsedSeconds < limitSeconds + 20)
  }

  private struct Job {
    var exitCode: Int32
    var output: String
    var elapsedSeconds: Double
  }

  /// Runs this very test program under mpirun and collects what it prints.
  private func runJob(_ scenario: Scenario) throws -> Job {
    let arguments =
      "--allow-run-as-root --oversubscribe --bind-to none --mca mpi_yield_when_idle 1 "
      + "--mca btl_vader_single_copy_mechanism none -n 3"
    let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments =
      ["timeout", "--kill-after=5", "60", "mpirun"] + arguments.split(separator: " ").map(String.init)
      + [program, "--testing-library", "swift-testing", "--filter", "WatchdogScenario"]
    process.environment = ProcessInfo.processInfo.environment.merging(
      [Scenario.variable: scenario.rawValue, "LOCKSTEP_TIMEOUT_SECONDS": "\(limitSeconds)"]
    ) { $1 }
    let pipe = Pipe()
    (process.standardOutput, process.standardError) = (pipe, pipe)
    process.standardInput = FileHandle.nullDevice
    let start = Date()
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return Job(exitCode: process.terminationStatus, output: output, elapsedSeconds: Date().timeIntervalSince(start))
  }
}
