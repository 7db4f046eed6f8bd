/// Carries the messages of one group of ranks: between processes by MPI, between threads by a hub, or nowhere.
///
/// A transport only carries. `Communicator` has checked the arguments, numbers the collectives, compares them in checked
/// mode and tells the watchdog; it also says in which operation a `TransportFault` happened. Memory comes without a Swift
/// type, so that a transport is no generic code. Another way to carry messages is one more of these.
protocol Transport: AnyObject, Sendable {
  var rank: Int { get }
  var size: Int { get }
  /// How floats are added up, where there is a choice.
  var sums: FloatSums? { get }
  /// Whether a large sum, too, is best started and left alone.
  var sumsInBackground: Bool { get }

  // MARK: Collectives: every rank calls them, in one order, with equal counts

  func barrier() throws
  /// Replaces each element by its sum (minimum, maximum) over the ranks.
  func allReduce(_ message: Message, _ operation: ReductionOperation) throws
  /// The same in the background, as far as the transport can.
  func startAllReduce(_ message: Message, _ operation: ReductionOperation) throws -> any PendingTransfer
  /// Starts a sum of floats in the tree of pairs of ranks, (0 + 1) + (2 + 3); nil where this can't be had.
  func startTreeSum(_ message: Message) throws -> (any PendingTransfer)?
  /// Adds up floats by this algorithm.
  func sum(_ message: Message, by algorithm: SumAlgorithm) throws
  func broadcast(_ message: Message, from root: Int) throws
  /// Brings together what every rank gives, `counts[rank]` elements, one rank's behind the other's: in `all` on rank
  /// `root`, or on every rank where there is no root. `all` is empty elsewhere.
  func gather(_ own: Message, counts: [Int], into all: Message, to root: Int?) throws
  /// The same ranks in a channel of their own.
  func duplicate() throws -> any Transport
  /// The ranks of one color, ordered by key, then by rank here.
  func split(color: Int32, key: Int32) throws -> any Transport
  /// Memory that the ranks of a host share; nil where they can't.
  func hostMemory(_ byteCount: Int) throws -> HostMemory?

  /// Starts messages to and from other ranks, of lengths that both sides know; of two that are started between the same ranks
  /// the first arrives first.
  func startMessages(sending: [(peer: Int, message: Message)], receiving: [(peer: Int, message: Message)]) throws
    -> any PendingTransfer

  // MARK: Messages between two ranks

  func send(_ message: Message, to peer: Int, tag: Int) throws
  /// What the next message from a rank will be; waits for it. `receive` then takes it.
  func announcement(from peer: Int, tag: Int) throws -> (type: MessageType?, count: Int)
  func receive(into message: Message, from peer: Int, tag: Int) throws
  /// Both at once, of equal length, without an announcement.
  func exchange(_ message: Message, into received: Message, with peer: Int, tag: Int) throws
}

/// What carries messages where nothing is to be chosen.
extension Transport {
  var sums: FloatSums? { nil }
  var sumsInBackground: Bool { sums?.plan.isInBackground ?? false }
  func startTreeSum(_ message: Message) throws -> (any PendingTransfer)? { nil }
  func sum(_ message: Message, by algorithm: SumAlgorithm) throws { try allReduce(message, .sum) }
}

/// A collective that goes on in the background.
protocol PendingTransfer: AnyObject {
  func wait() throws
  /// Whether it is complete; makes progress, and does not wait.
  func test() throws -> Bool
  /// When it came to its end, by the monotonic clock; nil where nobody knows before it is waited for.
  var completedAt: Int? { get }
  /// When its first number moved; nil where that is as soon as it was started.
  var startedAt: Int? { get }
}

extension PendingTransfer {
  var completedAt: Int? { nil }
  var startedAt: Int? { nil }
}

/// What is complete as soon as it was started.
final class CompleteTransfer: PendingTransfer {
  func wait() {}
  func test() -> Bool { true }
}

/// Elements in memory that someone else keeps, as long as they travel.
struct Message: @unchecked Sendable {
  let type: MessageType
  /// nil only where there are no elements.
  let start: UnsafeMutableRawPointer?
  let count: Int

  init<T: MessageElement>(_ buffer: UnsafeMutableBufferPointer<T>) {
    (type, start, count) = (T.messageType, UnsafeMutableRawPointer(buffer.baseAddress), buffer.count)
  }

  /// Of memory that is only read.
  init<T: MessageElement>(_ buffer: UnsafeBufferPointer<T>) {
    self.init(UnsafeMutableBufferPointer(mutating: buffer))
  }

  init(_ type: MessageType, _ start: UnsafeMutableRawPointer?, count: Int) {
    (self.type, self.start, self.count) = (type, start, count)
  }

  var byteCount: Int { count * type.byteCount }
  var bytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: start, count: byteCount) }

  /// Some of the elements.
  subscript(range: Range<Int>) -> Message {
    Message(type, start.map { $0 + range.lowerBound * type.byteCount }, count: range.count)
  }
}

/// Why a message did not arrive; the communicator adds where.
struct TransportFault: Error {
  let reason: MessagePassingError.Reason
  let text: String

  init(_ reason: MessagePassingError.Reason, _ text: String) { (self.reason, self.text) = (reason, text) }
}
