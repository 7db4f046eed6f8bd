import CMPI
import Glibc

/// What mpirun, or srun with PMIx or PMI-2, tells each process in its environment: known before MPI starts.
public enum Launcher {
  /// Whether one of them started this process.
  public static let isPresent = number("OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK") != nil
  /// This process's number in the job.
  public static let rank = number("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK") ?? 0
  /// The job's processes. Not every launcher tells: then it is more than one.
  public static let size = number("OMPI_COMM_WORLD_SIZE", "PMI_SIZE") ?? (isPresent ? 2 : 1)
  /// Whether Open MPI's mpirun is the parent process, which gives every rank a terminal of its own.
  public static let isOpenMPI = number("OMPI_COMM_WORLD_RANK") != nil
  /// Tasks that srun started each as a job of its own; 1 where it did not.
  static let separateTasks = isPresent ? 1 : number("SLURM_STEP_NUM_TASKS") ?? 1

  /// Has the system send this signal when the launcher's thread that started this process has ended, or the launcher has.
  public static func announceEnd(by signal: Int32) { cmpi_signal_of_parents_end(signal) }

  /// The first of the variables that is there and holds a number.
  private static func number(_ names: String...) -> Int? {
    names.lazy.compactMap { getenv($0).flatMap { Int(String(cString: $0)) } }.first
  }
}
