/// A collective that was started and goes on in the background.
///
/// It must be waited for (or tested until it is complete) before its buffer is read, changed or freed. MPI makes progress
/// only inside its own calls, so an occasional `test()` during long computations speeds a large one up.
public final class Request {
  private var transfer: (any PendingTransfer)?
  private let owner: AnyObject?
  private let operation: Operation
  private let sequence: Int
  private let communicator: Communicator

  /// - Parameter owner: whoever holds the buffer's memory.
  init(
    _ transfer: any PendingTransfer, _ operation: Operation, sequence: Int, of communicator: Communicator,
    owner: AnyObject?
  ) {
    (self.transfer, self.owner) = (transfer, owner)
    (self.operation, self.sequence, self.communicator) = (operation, sequence, communicator)
  }

  /// Whoever lets go of this without waiting, after an error say, leaves the other ranks' sums still to arrive: the memory
  /// then stays for good. Waiting here might be for ever.
  deinit { if transfer != nil, let owner { _ = Unmanaged.passRetained(owner) } }

  /// Returns when the collective is complete; at once if it was already.
  public func wait() throws {
    guard let transfer else { return }
    communicator.board?.enter(operation, communicator: communicator.identifier, sequence: sequence)
    defer { communicator.board?.leave() }
    try naming("\(operation) #\(sequence)", rank: communicator.rank) { try transfer.wait() }
    self.transfer = nil
  }

  /// Whether the collective is complete; lets MPI make progress, and does not wait.
  public func test() throws -> Bool {
    guard let transfer else { return true }
    let isComplete = try naming("\(operation) #\(sequence)", rank: communicator.rank) { try transfer.test() }
    if isComplete { self.transfer = nil }
    return isComplete
  }
}
