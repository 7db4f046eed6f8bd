import CMPI

/// A collective that was started and goes on in the background.
///
/// It must be waited for (or tested until it is complete) before its buffer is read, changed or freed. MPI makes progress
/// only inside its own calls, so an occasional `test()` during long computations speeds a large one up.
public final class Request {
  private var pending: [MPI_Request?]
  private let operation: Operation
  private let sequence: Int
  private let communicator: Communicator

  init(_ pending: [MPI_Request?], _ operation: Operation, sequence: Int, of communicator: Communicator) {
    self.pending = pending
    self.operation = operation
    self.sequence = sequence
    self.communicator = communicator
  }

  /// Returns when the collective is complete; at once if it was already.
  public func wait() throws {
    guard !pending.isEmpty else { return }
    communicator.board?.enter(operation, communicator: communicator.identifier, sequence: sequence)
    defer { communicator.board?.leave() }
    while var request = pending.popLast() {
      try check(MPI_Wait(&request, cmpi_status_ignore()), name, rank: communicator.rank)
    }
  }

  /// Whether the collective is complete; lets MPI make progress, and does not wait.
  public func test() throws -> Bool {
    guard !pending.isEmpty else { return true }
    var isComplete: Int32 = 0
    let status = MPI_Testall(Int32(pending.count), &pending, &isComplete, cmpi_statuses_ignore())
    try check(status, name, rank: communicator.rank)
    if isComplete != 0 { pending = [] }
    return isComplete != 0
  }

  private var name: String { "\(operation) #\(sequence)" }
}
