import CMPI
import Failures
import Glibc
import Synchronization

/// A thread in each rank that ends the job when the rank waits for others for too long, and says for whom.
///
/// It looks at its rank's record several times a second. Time during which the whole process was suspended does not
/// count: after Ctrl-Z and `fg`, a job goes on. What ranks do by themselves, such as saving, is no lateness: it has a limit of
/// its own. Nor is a slow link: the limit counts from the last bytes that moved. A rank that gives no sign of life at all,
/// stopped or on a host that is out of reach, is given a sixth of the time, and one that has ended a second: its launcher
/// should have noticed.
final class Watchdog: @unchecked Sendable {
  /// The job's exit code when a rank is lost or late (`EX_TEMPFAIL`).
  static let exitCode: Int32 = 75

  private let board: ProgressBoard
  private let limitSeconds: Double
  /// For what ranks do by themselves; 0: none.
  private let workLimitSeconds: Double
  /// Shows other hosts' ranks, where there are other hosts.
  private let hosts: HostChannel?
  private let whereabouts: Whereabouts?
  private let intervalSeconds: Double
  private let isStopped = Atomic<Bool>(false)

  // Only the thread touches these: how long its rank has been in the operation of this state word.
  private var watchedState: UInt64 = 0
  private var waitedSeconds = 0.0
  /// The part of the waiting in which the others worked by themselves; not in `waitedSeconds`.
  private var workedSeconds = 0.0
  /// How long somebody has given no sign of life for whom it waits.
  private var silentSeconds = 0.0
  private var hasWarned = false
  private var hasToldOfWork = false
  private var traffic = Traffic()
  /// Fewer bytes between two looks are no message of a training: the watchdog itself reads some.
  private static let leastTraffic = 4096
  private static let earlyNanoseconds: UInt64 = 3_000_000_000

  init(_ board: ProgressBoard, limitSeconds: Double, workLimitSeconds: Double = 3600, hosts: HostChannel? = nil) {
    (self.board, self.hosts) = (board, hosts)
    whereabouts = board.index == 0 ? Whereabouts() : nil
    (self.limitSeconds, self.workLimitSeconds) = (limitSeconds, workLimitSeconds)
    intervalSeconds = min(0.5, limitSeconds / 8)
  }

  /// A silent rank is one whose watchdog missed several looks; a loaded machine may delay it by one or two.
  private var silenceLimitSeconds: Double { max(1, 4 * intervalSeconds) }

  /// How much longer a silent rank is waited for.
  private func patienceSeconds(_ diagnosis: Diagnosis) -> Double {
    diagnosis.isGone ? 1 : max(1, limitSeconds / 6 - silenceLimitSeconds)
  }

  func start() throws {
    board.beat(at: UInt64(monotonicNanoseconds()))
    guard startThread({ self.run() }) else {
      throw MessagePassingError(.environment, "watchdog", "its thread can't be started", rank: board.worldRank)
    }
  }

  func stop() { isStopped.store(true, ordering: .releasing) }

  private func run() {
    let begin = UInt64(monotonicNanoseconds())
    var lastLook = begin
    while true {
      // Until hosts know each other, or for as long as they should need for it.
      let isEarly = lastLook - begin < Self.earlyNanoseconds && hosts?.hasHeardAll == false
      sleep(seconds: isEarly ? intervalSeconds / 20 : intervalSeconds)
      guard !isStopped.load(ordering: .acquiring) else { return }
      let now = UInt64(monotonicNanoseconds())
      board.beat(at: now)
      hosts?.serve(at: now)
      if board.index == 0 { hosts?.askCalmly(at: now) }
      if let whereabouts, let own = board.ownProgress(at: now) { whereabouts.note("rank \(own.rank) was \(own.place)") }
      look(at: now, elapsedSeconds: Double(now - lastLook) / 1e9)
      lastLook = now
    }
  }

  private func look(at now: UInt64, elapsedSeconds: Double) {
    // Another host's rank ends the job, and has said why.
    if let end = hosts?.endsAt, now < end + 10_000_000_000 { return board.holdRanks() }
    if traffic.bytesSince() > Self.leastTraffic { board.noteTraffic(at: now) }
    let state = board.ownState
    guard state == watchedState, state >> 63 == 1 else {
      (watchedState, waitedSeconds, workedSeconds, silentSeconds) = (state, 0, 0, 0)
      (hasWarned, hasToldOfWork) = (false, false)
      return
    }
    guard let own = board.ownProgress(at: now) else { return }
    let local = board.localProgress(at: now).map { named($0) }
    // The first rank of a host asks soon, all others when it should have spoken.
    let presentSeconds = waitedSeconds + workedSeconds
    if presentSeconds >= limitSeconds / 4 || board.index == 0 && presentSeconds >= min(1, limitSeconds / 8) {
      hosts?.ask(at: now)
    }
    let remote = (hosts?.progress(at: now) ?? []).filter { other in !local.contains { $0.rank == other.rank } }
    let diagnosis = Diagnosis(
      own: own, local: local + remote, members: board.members(of: own.communicator),
      silenceLimitSeconds: silenceLimitSeconds, hosts: hosts?.names ?? [])
    let elapsed = min(elapsedSeconds, 2 * intervalSeconds)
    // At the end of a job, ranks may end before others do.
    silentSeconds = diagnosis.isSilent && own.operation != .finalize ? silentSeconds + elapsed : 0
    if diagnosis.isAtWork { workedSeconds += elapsed } else { waitedSeconds += elapsed }
    // Ranks of a slow link take turns: whoever has a message on the way, the job goes on.
    let still = (local + remote).filter(\.isInside).map(\.stillSeconds).min() ?? .infinity
    if still < waitedSeconds { (waitedSeconds, hasWarned) = (still, false) }
    // The lowest waiting rank speaks for all; the others step in if it doesn't, and hosts that know no name last.
    let isSpokesman = !(local + remote).contains {
      $0.rank < own.rank && $0.isInside && $0.silentSeconds <= silenceLimitSeconds
    }
    if silentSeconds >= patienceSeconds(diagnosis) + (isSpokesman ? 0 : 4 * intervalSeconds) {
      abort("\(diagnosis.text) (rank \(own.rank) has waited \(seconds(presentSeconds + elapsed)) \(own.place))")
    } else if diagnosis.isAtWork {
      judgeWork(diagnosis, own, isSpokesman: isSpokesman)
    } else if waitedSeconds >= limitSeconds / 2 {
      judgeWaiting(diagnosis, own, isSpokesman: isSpokesman)
    }
  }

  private func named(_ progress: RankProgress) -> RankProgress {
    guard let names = hosts?.names, names.indices.contains(progress.rank) else { return progress }
    var progress = progress
    progress.host = names[progress.rank]
    return progress
  }

  private func judgeWaiting(_ diagnosis: Diagnosis, _ own: RankProgress, isSpokesman: Bool) {
    let graceSeconds = intervalSeconds * ((isSpokesman ? 0 : 4) + (diagnosis.namesRank ? 0 : 4))
    let reason = "\(diagnosis.text) (rank \(own.rank) has waited \(seconds(waitedSeconds)) \(own.place))"
    if waitedSeconds >= limitSeconds + graceSeconds {
      abort(reason)
    } else if isSpokesman, !hasWarned {
      hasWarned = true
      report("lockstep: warning: \(reason); the job is aborted after \(seconds(limitSeconds))")
    }
  }

  private func judgeWork(_ diagnosis: Diagnosis, _ own: RankProgress, isSpokesman: Bool) {
    let reason = "\(diagnosis.text) (rank \(own.rank) has waited \(seconds(workedSeconds)) \(own.place))"
    if workLimitSeconds > 0, workedSeconds >= workLimitSeconds + (isSpokesman ? 0 : 4 * intervalSeconds) {
      abort("\(reason), longer than LOCKSTEP_WORK_SECONDS allows")
    } else if isSpokesman, !hasToldOfWork, workedSeconds >= limitSeconds {
      hasToldOfWork = true
      report("lockstep: \(reason); the job goes on when that is done")
    }
  }

  private func abort(_ reason: String) -> Never {
    board.holdRanks()
    hosts?.announceEnd()
    report("lockstep: \(reason); aborting the job")
    abortJob(exitCode: Self.exitCode)
  }
}

/// `30 s`, or `1.5 s` below ten seconds.
private func seconds(_ value: Double) -> String {
  value >= 10 ? "\(Int(value.rounded())) s" : "\((value * 10).rounded() / 10) s"
}

private func sleep(seconds: Double) {
  var time = timespec(tv_sec: Int(seconds), tv_nsec: Int((seconds - seconds.rounded(.down)) * 1e9))
  nanosleep(&time, nil)
}

/// One line in one write, so that lines of several ranks don't mix.
private func report(_ line: String) {
  let bytes = Array((line + "\n").utf8)
  _ = write(STDERR_FILENO, bytes, bytes.count)
}

/// Ends all ranks of the job. MPI may be in any state, so if it has not ended this process after a few seconds, the
/// process ends itself, which makes the launcher end the others.
func abortJob(exitCode: Int32) -> Never {
  _ = startThread {
    sleep(seconds: 5)
    _exit(exitCode)
  }
  MPI_Abort(cmpi_comm_world(), exitCode)
  _exit(exitCode)
}
