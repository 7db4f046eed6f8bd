import Glibc
import Testing

@testable import MessagePassing
@testable import TestSupport

/// What the ranks of a job do that `WatchdogJobTests` starts: something goes wrong at step 41.
@Suite(.serialized, .enabled(if: Scenario.current != nil)) struct WatchdogScenario {
  @Test func run() throws {
    let communicator = try Ranks.duplicate(checked: false)
    for step in 0..<41 {
      communicator.noteStep(step)
      _ = try communicator.allReduce([Float(step)])
    }
    communicator.noteStep(41)
    try Scenario.current?.run(on: communicator)
  }
}

enum Scenario: String {
  case stopped, stoppedInside, killed, late, slow, anotherCollective, neverStarted, neverSent, finalizing, abandoned
  case working, workingForEver, stoppedAtWork

  static let variable = "LOCKSTEP_TEST_SCENARIO"

  static var current: Scenario? { getenv(variable).flatMap { Scenario(rawValue: String(cString: $0)) } }

  func run(on communicator: Communicator) throws {
    let isVictim = communicator.rank == communicator.size - 1
    switch self {
    case .stopped:
      if isVictim { raise(SIGSTOP) }
    case .stoppedInside:
      // The victim is stopped by another thread while it goes from barrier to barrier.
      if isVictim { try stopSoon() }
      while true { try communicator.barrier() }
    case .killed:
      if isVictim { raise(SIGKILL) }
    case .late:
      if isVictim { sleep(600) }
    case .slow:
      if isVictim { usleep(1_500_000) }
    case .working:
      if isVictim { communicator.working(at: .saving) { _ = sleep(5) } }
    case .workingForEver:
      if isVictim { communicator.working(at: .loading) { _ = sleep(600) } }
    case .stoppedAtWork:
      if isVictim { communicator.working(at: .saving) { _ = raise(SIGSTOP) } }
    case .anotherCollective:
      if isVictim { try communicator.barrier() }
    case .neverStarted:
      if isVictim { sleep(600) }
      var values: [Float] = [1]
      try values.withUnsafeMutableBufferPointer { try communicator.startAllReduce($0).wait() }
    case .neverSent:
      if communicator.rank == 0 { _ = try communicator.receive(Float.self, from: communicator.size - 1) }
      if isVictim { sleep(600) }
      return
    case .abandoned:
      if isVictim { Environment.abort(exitCode: 65) }
    case .finalizing:
      if isVictim { sleep(600) }
      return
    }
    _ = try communicator.allReduce([Float(1)])
  }

  private func stopSoon() throws {
    var thread = pthread_t()
    let status = pthread_create(
      &thread, nil,
      { _ in
        usleep(500_000)
        kill(getpid(), SIGSTOP)
        return nil
      }, nil)
    try #require(status == 0)
  }
}
