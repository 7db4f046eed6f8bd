import Failures
import Kernels
import MessagePassing
import Tensors

/// Keeping the ranks' replicas of a model the same.
public enum Replicas {
  /// Gives every rank the values of rank 0, after checking that all ranks have tensors of the same names and shapes.
  public static func broadcast(_ tensors: [(name: String, tensor: Tensor)], over communicator: Communicator) throws {
    if communicator.size == 1 { return }
    try agree(tensors.map { "\($0.name) \($0.tensor.shape)" }, over: communicator)
    for (_, tensor) in tensors { try tensor.withFloats { try communicator.broadcast($0, from: 0) } }
  }

  /// Throws on every rank, naming the first tensor of which the ranks have different bits, and the ranks that are not like
  /// most.
  public static func verify(
    _ tensors: [(name: String, tensor: Tensor)], step: Int, over communicator: Communicator
  ) throws {
    if communicator.size == 1 { return }
    let all = try communicator.allGather(tensors.map { try digest($0.tensor) })
    for (index, (name, _)) in tensors.enumerated() {
      let groups = groups(of: all.map { $0[index] })
      if groups.count > 1 {
        let (most, others) = (groups[0].ranks, groups.dropFirst().flatMap(\.ranks).sorted())
        throw DriftError(tensor: name, ranks: others, agreeing: most, step: step)
      }
    }
  }

  /// The different values with the ranks that have them, the most frequent first, else by rank.
  private static func groups<Value: Hashable>(of values: [Value]) -> [(value: Value, ranks: [Int])] {
    Dictionary(grouping: values.indices) { values[$0] }.map { (value: $0.key, ranks: $0.value) }
      .sorted { ($1.ranks.count, $0.ranks[0]) < ($0.ranks.count, $1.ranks[0]) }
  }

  /// 64 bits over a tensor's elements.
  static func digest(_ tensor: Tensor) throws -> UInt64 {
    try tensor.withRowMajor(as: Float.self) { values in BitHash.of(values) { UInt64($0.bitPattern) } }
  }

  /// Throws on every rank unless all pass the same lines, each a name and a value: names the first that differs, and every
  /// rank's value of it.
  public static func agree(_ lines: [String], over communicator: Communicator) throws {
    if communicator.size == 1 { return }
    let all = try communicator.tellAll(lines)
    for index in 0..<(all.map(\.count).max() ?? 0) {
      let values = all.map { index < $0.count ? $0[index] : "nothing" }
      if Set(values).count > 1 { throw DisagreementError(values) }
    }
  }
}

/// Replicas that are no longer the same.
public struct DriftError: Failure {
  /// The first that differs: a parameter or buffer by its dotted name, or what the optimizer remembers of one.
  public let tensor: String
  /// The ranks that differ from most, or from rank 0 where there is no majority.
  public let ranks: [Int]
  /// The ranks that they differ from.
  public let agreeing: [Int]
  /// Of the optimizer, from 1, after which replicas were compared.
  public let step: Int

  public var isAgreed: Bool { true }
  public var description: String {
    "replicas differ at step \(step): \(tensor) on \(text(ranks)) is not that of \(text(agreeing))"
  }
}

/// Ranks of one job that were started differently.
public struct DisagreementError: Failure {
  /// What differs: the words that the ranks' lines begin with in common.
  public let name: String
  /// The different values with the ranks that have them, rank 0's first.
  public let values: [(value: String, ranks: [Int])]

  /// - Parameter lines: one of each rank, not all the same.
  init(_ lines: [String]) {
    let words = lines.map { $0.split(separator: " ") }
    let shortest = words.map(\.count).min() ?? 0
    let common = (0..<shortest).prefix { index in words.allSatisfy { $0[index] == words[0][index] } }.count
    name = words[0].prefix(common).joined(separator: " ")
    values = Dictionary(grouping: lines.indices) { words[$0].dropFirst(common).joined(separator: " ") }
      .map { (value: $0.key.isEmpty ? "nothing" : $0.key, ranks: $0.value) }.sorted { $0.ranks[0] < $1.ranks[0] }
  }

  public var kind: FailureKind { .usage }
  public var isAgreed: Bool { true }
  public var description: String {
    let list = values.map { "\($0.value) on \(text($0.ranks))" }.joined(separator: "; ")
    return "ranks were started differently: " + (name.isEmpty ? list : "\(name) is \(list)")
  }
}

/// `rank 2`, or `ranks 0, 1, 3`.
private func text(_ ranks: [Int]) -> String {
  (ranks.count == 1 ? "rank " : "ranks ") + ranks.map(String.init).joined(separator: ", ")
}
