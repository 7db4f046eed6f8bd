import CMPI
import Glibc
import Synchronization

/// This process's part in an MPI job.
public enum Environment {
  private struct Job {
    let communicator: Communicator
    let watchdog: Watchdog?
  }

  private enum State {
    case idle
    case started(Job)
    case finished
  }

  private static let state = Mutex<State>(.idle)

  /// Whether mpirun, or srun with PMIx or PMI-2, started this process.
  public static var isLaunchedByMPI: Bool { Launcher.isPresent }

  /// The MPI library's name and version, on one line. Does not start MPI.
  public static var libraryVersion: String {
    let text = mpiString(capacity: cmpi_maximum_library_version) { MPI_Get_library_version($0, $1) }
    return text.map { String($0.prefix { !$0.isNewline }) } ?? "unknown MPI library"
  }

  /// Joins the MPI job if a launcher started this process; otherwise returns `Communicator.alone` and leaves MPI untouched.
  /// Called again, it returns the same communicator.
  ///
  /// - Parameters:
  ///   - timeoutSeconds: how long a rank may wait in one operation before the job is aborted with exit code 75; 0: for
  ///     ever. By default the environment variable `LOCKSTEP_TIMEOUT_SECONDS`, or 30.
  ///   - workSeconds: how long others may wait for what a rank does by itself, such as saving (`Communicator.working`); 0:
  ///     for ever. By default the environment variable `LOCKSTEP_WORK_SECONDS`, or 3600.
  ///   - isChecked: whether collectives are compared over the ranks before they run (`Communicator.isChecked`).
  public static func start(timeoutSeconds: Double? = nil, workSeconds: Double? = nil, isChecked: Bool = false) throws
    -> Communicator
  {
    let limitSeconds = try timeLimit(timeoutSeconds)
    let workLimitSeconds = try timeLimit(workSeconds, "LOCKSTEP_WORK_SECONDS", otherwise: 3600)
    return try state.withLock { state in
      switch state {
      case .started(let job): return job.communicator
      case .finished: throw MessagePassingError(.environment, "start", "MPI can't be started twice", rank: nil)
      case .idle:
        let job = try join((limitSeconds, workLimitSeconds), isChecked: isChecked)
        state = .started(job)
        return job.communicator
      }
    }
  }

  /// Leaves the job: waits for all ranks, so call it on a clean exit only. After it, no communicator may be used.
  /// Does nothing when no job was joined or it was left already.
  public static func finish() {
    let job: Job? = state.withLock { state in
      guard case .started(let job) = state else { return nil }
      state = .finished
      return job
    }
    guard let communicator = job?.communicator, let board = communicator.board else { return }
    board.enter(.finalize, communicator: communicator.identifier, sequence: communicator.collectiveCount + 1)
    // Late ranks are waited for here, not in MPI_Finalize: mpirun of Open MPI 4.1.4 may crash or hang when a job is
    // aborted in there.
    try? communicator.transport.barrier()
    MPI_Finalize()
    board.leave()
    job?.watchdog?.stop()
  }

  /// Ends all ranks of the job at once, or this process if it is alone. For errors that the other ranks don't know of.
  public static func abort(exitCode: Int32) -> Never {
    let isInJob = state.withLock { state in
      guard case .started(let job) = state else { return false }
      return job.communicator.board != nil
    }
    if isInJob { abortJob(exitCode: exitCode) }
    exit(exitCode)
  }

  private static func join(_ limits: (seconds: Double, workSeconds: Double), isChecked: Bool) throws -> Job {
    guard isLaunchedByMPI else {
      try refuseSeparateSlurmTasks()
      return Job(communicator: .alone, watchdog: nil)
    }
    return try naming("start", rank: Launcher.rank) {
      // Serialized: one thread at a time calls MPI, but Swift's tasks may move it from thread to thread.
      var provided: Int32 = 0
      try check(MPI_Init_thread(nil, nil, Int32(MPI_THREAD_SERIALIZED), &provided))
      guard provided >= MPI_THREAD_SERIALIZED else {
        throw TransportFault(.environment, "MPI was built without support for threads")
      }
      let world: MPI_Comm = cmpi_comm_world()
      for handle in [world, cmpi_comm_self()] { try check(MPI_Comm_set_errhandler(handle, cmpi_errors_return())) }
      let transport = try MPITransport(world, hosts: FloatSums.hosts(of: world))
      let limits = try agreed(limits, over: transport)
      let board = try ProgressBoard.shared(over: world, worldRank: transport.rank)
      let hosts = try HostChannel.open(over: transport, board)
      let watchdog =
        limits.seconds > 0
        ? Watchdog(board, limitSeconds: limits.seconds, workLimitSeconds: limits.workSeconds, hosts: hosts) : nil
      try watchdog?.start()
      let communicator = try Communicator(transport, jobRank: transport.rank, board: board, isChecked: isChecked)
      try communicator.planSums()
      return Job(communicator: communicator, watchdog: watchdog)
    }
  }

  /// srun without PMIx starts every task as a job of its own: each would train alone and overwrite the others' files.
  private static func refuseSeparateSlurmTasks() throws {
    guard Launcher.separateTasks > 1 else { return }
    throw MessagePassingError(
      .environment, "start",
      "srun started \(Launcher.separateTasks) tasks that can't see each other; use srun --mpi=pmix or mpirun", rank: nil
    )
  }

  /// Plain mpirun gives the variables to the ranks of its own host alone: without them, rank 0's limits hold.
  private static func agreed(_ own: (seconds: Double, workSeconds: Double), over transport: any Transport) throws
    -> (seconds: Double, workSeconds: Double)
  {
    let first = try transport.gatherAlike([own.seconds, own.workSeconds])[0]
    return (
      getenv("LOCKSTEP_TIMEOUT_SECONDS") == nil ? first[0] : own.seconds,
      getenv("LOCKSTEP_WORK_SECONDS") == nil ? first[1] : own.workSeconds
    )
  }

  /// Validated before MPI starts, so that a wrong value ends every rank at once.
  static func timeLimit(
    _ seconds: Double?, _ name: String = "LOCKSTEP_TIMEOUT_SECONDS", otherwise standard: Double = 30
  ) throws -> Double {
    let text = getenv(name).map { String(cString: $0) }
    let limit = seconds ?? text.map { Double($0) ?? .nan } ?? standard
    guard limit >= 0, limit <= 1e9 else {
      let found = seconds.map { "time limit \($0)" } ?? "\(name)=\"\(text ?? "")\""
      throw MessagePassingError(.environment, "start", "\(found): expected seconds, 0 or more", rank: nil)
    }
    return limit
  }
}
