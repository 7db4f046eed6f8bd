/// What a rank can be waiting in, as errors, the checked mode and the watchdog name it.
enum Operation: UInt8, Sendable, CustomStringConvertible {
  case none = 0
  case barrier, allReduce, broadcast, allGather, gather, duplicate, split, finalize, send, receive, exchange, hostMemory
  case allToAll

  var description: String {
    switch self {
    case .none: "nothing"
    case .barrier: "barrier"
    case .allReduce: "allreduce"
    case .broadcast: "broadcast"
    case .allGather: "allgather"
    case .gather: "gather"
    case .duplicate: "duplicate"
    case .split: "split"
    case .finalize: "finalize"
    case .send: "send"
    case .receive: "receive"
    case .exchange: "exchange"
    case .hostMemory: "sharing of memory"
    case .allToAll: "all-to-all"
    }
  }
}

/// A collective as all ranks must call it: what the checked mode compares.
///
/// A field is nil where the ranks may differ or where it means nothing: `count` of an allgather, `root` of a barrier.
struct CollectiveCall: Equatable, Sendable, CustomStringConvertible {
  var operation: Operation
  var type: MessageType?
  var reduction: ReductionOperation?
  var count: Int?
  var root: Int?

  init(
    _ operation: Operation, _ type: MessageType? = nil, _ reduction: ReductionOperation? = nil, count: Int? = nil,
    root: Int? = nil
  ) {
    self.operation = operation
    self.type = type
    self.reduction = reduction
    self.count = count
    self.root = root
  }

  /// For example `allreduce(sum) of 8 float32` or `broadcast of int64 from rank 0`.
  var description: String {
    var text = "\(operation)"
    if let reduction { text += "(\(reduction))" }
    if let type { text += " of " + (count.map { "\($0) " } ?? "") + "\(type)" }
    if let root { text += operation == .gather ? " to rank \(root)" : " from rank \(root)" }
    return text
  }

  static let wordCount = 5

  var words: [Int64] {
    [
      Int64(operation.rawValue), Int64(type?.rawValue ?? 0), Int64(reduction?.rawValue ?? 0),
      Int64(count ?? -1), Int64(root ?? -1),
    ]
  }

  init?(words: ArraySlice<Int64>) {
    let words = Array(words)
    guard words.count == Self.wordCount, let kind = UInt8(exactly: words[0]),
      let operation = Operation(rawValue: kind), let type = UInt8(exactly: words[1]),
      let reduction = UInt8(exactly: words[2])
    else { return nil }
    self.init(
      operation, MessageType(rawValue: type), ReductionOperation(rawValue: reduction),
      count: words[3] < 0 ? nil : Int(words[3]), root: words[4] < 0 ? nil : Int(words[4]))
  }
}
