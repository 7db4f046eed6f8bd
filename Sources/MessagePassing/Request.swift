/// A collective that was started and goes on in the background.
///
/// It must be waited for (or tested until it is complete) before its buffer is read, changed or freed. MPI makes progress
/// only inside its own calls, so an occasional `test()` during long computations speeds a large one up.
public final class Request {
  private var transfer: (any PendingTransfer)?
  private let owner: AnyObject?
  private let operation: Operation
  private let byteCount: Int
  /// For the communicator's timeline.
  private let start: Int?
  private let sequence: Int
  private let communicator: Communicator

  /// - Parameters:
  ///   - start: when it was started, by the clock of the communicator's timeline.
  ///   - owner: whoever holds the buffer's memory.
  init(
    _ transfer: any PendingTransfer, _ call: CollectiveCall, from start: Int?, sequence: Int,
    of communicator: Communicator, owner: AnyObject?
  ) {
    (self.transfer, self.owner) = (transfer, owner)
    (operation, byteCount) = (call.operation, call.byteCount)
    (self.start, self.sequence, self.communicator) = (start, sequence, communicator)
    if transfer is CompleteTransfer { noteCompletion(of: transfer, isBlocking: true) }
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
    complete(transfer)
  }

  /// Whether the collective is complete; lets MPI make progress, and does not wait.
  public func test() throws -> Bool {
    guard let transfer else { return true }
    let isComplete = try naming("\(operation) #\(sequence)", rank: communicator.rank) { try transfer.test() }
    if isComplete { complete(transfer) }
    return isComplete
  }

  private func complete(_ transfer: any PendingTransfer) {
    self.transfer = nil
    if !(transfer is CompleteTransfer) { noteCompletion(of: transfer, isBlocking: false) }
  }

  private func noteCompletion(of transfer: any PendingTransfer, isBlocking: Bool) {
    communicator.note(
      operation, bytes: byteCount, from: start.map { transfer.startedAt ?? $0 }, to: transfer.completedAt,
      isBlocking: isBlocking)
  }
}
