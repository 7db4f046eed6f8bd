import Foundation
import Testing

@testable import MessagePassing
@testable import TestSupport

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
    #expect(job.status == 0, "\(job.text)")
    #expect(job.text.contains("lockstep: warning: rank 2 is late: at step 41"), "\(job.text)")
    #expect(!job.text.contains("aborting"))
  }

  /// An fsync of five seconds is no lateness, where two are allowed.
  @Test func aRankAtWorkIsWaitedFor() throws {
    let job = try runJob(.working)
    #expect(job.status == 0, "\(job.text)")
    #expect(job.text.contains("lockstep: rank 2 is saving a checkpoint: at step 41"), "\(job.text)")
    #expect(!job.text.contains("aborting") && !job.text.contains("late"), "\(job.text)")
  }

  @Test func workHasALimitOfItsOwn() throws {
    try expectAbort(.workingForEver, "rank 2 is loading data: at step 41", ["LOCKSTEP_WORK_SECONDS": "4"])
  }

  @Test func aRankStoppedAtWorkIsNamed() throws {
    try expectAbort(.stoppedAtWork, "rank 2 is stopped: at step 41")
  }

  @Test func aKilledRankEndsTheJobAtOnce() throws {
    let job = try runJob(.killed)
    #expect(job.status != 0)
    #expect(job.seconds < 10)
  }

  @Test func aRankThatAbortsEndsTheJobWithItsExitCode() throws {
    let job = try runJob(.abandoned)
    #expect(job.status == 65, "\(job.text)")
    #expect(!job.text.contains("aborting the job"))
  }

  private func expectAbort(_ scenario: Scenario, _ text: String, _ environment: [String: String] = [:]) throws {
    let job = try runJob(scenario, environment)
    #expect(job.status == Watchdog.exitCode, "\(job.text)")
    let lines = job.text.split(separator: "\n").filter { $0.hasSuffix("; aborting the job") }
    #expect(lines.count == 1, "\(job.text)")
    #expect(lines.first?.contains("lockstep: \(text)") == true, "\(job.text)")
    // Ranks that waited in a collective did not go on as if nothing had been when mpirun woke the stopped rank up.
    #expect([.neverSent, .finalizing].contains(scenario) || !job.text.contains("Test run() passed"), "\(job.text)")
    // Starting the job takes its time on a loaded machine; hanging takes for ever.
    #expect(job.seconds < limitSeconds + 20)
  }

  /// Runs this very test program under mpirun.
  private func runJob(_ scenario: Scenario, _ environment: [String: String] = [:]) throws -> Program.Result {
    let words = [try Program.ofTests, "--testing-library", "swift-testing", "--filter", "WatchdogScenario"]
    return try Job.run(
      [(3, words)], limit: 60,
      environment: [Scenario.variable: scenario.rawValue, "LOCKSTEP_TIMEOUT_SECONDS": "\(limitSeconds)"]
        .merging(environment) { $1 })
  }
}
