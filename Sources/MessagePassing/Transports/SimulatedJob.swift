import Glibc
import Synchronization

/// A job whose ranks are threads of one process: the same code runs, and the same messages pass, as under mpirun, where a
/// debugger and one terminal can see them all.
public enum SimulatedJob {
  /// Runs `body` once per rank, each on a thread of its own, and returns when all have ended. Throws the first error; the
  /// other ranks then end at their next collective.
  public static func run(ranks: Int, _ body: @escaping @Sendable (Communicator) throws -> Void) throws {
    let hub = SimulatedHub()
    let threads = (0..<ranks).map { rank in
      Worker {
        do {
          let transport = HubTransport(hub, rank: rank, members: Array(0..<ranks))
          try body(Communicator(transport, jobRank: rank))
        } catch {
          hub.fail(error)
        }
        hub.end(rank)
      }
    }
    var started: [Worker] = []
    do {
      for thread in threads {
        try thread.start()
        started.append(thread)
      }
    } catch {
      hub.fail(error)
    }
    for thread in started { thread.join() }
    if let error = hub.error { throw error }
  }
}

/// A thread with room for a deep recursion.
private final class Worker: @unchecked Sendable {
  private let body: @Sendable () -> Void
  private var thread = pthread_t()

  init(_ body: @escaping @Sendable () -> Void) { self.body = body }

  func start() throws {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, 8 << 20)
    let own = Unmanaged.passRetained(self)
    let status = pthread_create(
      &thread, &attributes,
      { argument in
        if let argument { Unmanaged<Worker>.fromOpaque(argument).takeRetainedValue().body() }
        return nil
      }, own.toOpaque())
    guard status == 0 else {
      own.release()
      throw MessagePassingError(.environment, "simulate", "can't start a thread: error \(status)", rank: nil)
    }
  }

  func join() { pthread_join(thread, nil) }
}
