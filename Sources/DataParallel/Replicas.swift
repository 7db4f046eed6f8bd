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

  /// Throws on every rank, naming the first tensor of which the ranks have different bits, and the ranks.
  public static func verify(
    _ tensors: [(name: String, tensor: Tensor)], step: Int, over communicator: Communicator
  ) throws {
    if communicator.size == 1 { return }
    let all = try communicator.allGather(tensors.map { try digest($0.tensor) })
    for (index, (name, _)) in tensors.enumerated() {
      let different = all.indices.filter { all[$0][index] != all[0][index] }
      if !different.isEmpty { throw DriftError(tensor: name, ranks: different, step: step) }
    }
  }

  /// 64 bits over a tensor's elements (Fowler, Noll and Vo's hash, word by word).
  static func digest(_ tensor: Tensor) throws -> UInt64 {
    try tensor.withFloats { values in
      var hash: UInt64 = 0xCBF2_9CE4_8422_2325
      for value in values { hash = (hash ^ UInt64(value.bitPattern)) &* 0x0000_0100_0000_01B3 }
      return hash
    }
  }

  /// Replaces every rank's buffers, such as running means, by their mean over the ranks.
  public static func average(_ buffers: [(name: String, tensor: Tensor)], over communicator: Communicator) throws {
    if communicator.size == 1 { return }
    for (_, tensor) in buffers {
      try tensor.withFloats { values in
        try communicator.allReduce(values, .sum)
        for i in values.indices { values[i] /= Float(communicator.size) }
      }
    }
  }

  /// Throws on every rank, naming ranks and the first difference, unless all ranks pass the same lines.
  public static func agree(_ lines: [String], over communicator: Communicator) throws {
    if communicator.size == 1 { return }
    let all = try communicator.allGather(Array(lines.joined(separator: "\n").utf8))
    guard let other = all.firstIndex(where: { $0 != all[0] }) else { return }
    let ours = String(decoding: all[0], as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    let theirs = String(decoding: all[other], as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    let line = (0..<max(ours.count, theirs.count)).first { index in
      index >= ours.count || index >= theirs.count || ours[index] != theirs[index]
    }
    let first = line.map { $0 < ours.count ? String(ours[$0]) : "nothing" } ?? "nothing"
    let second = line.map { $0 < theirs.count ? String(theirs[$0]) : "nothing" } ?? "nothing"
    throw DisagreementError(rank: other, here: first, there: second)
  }
}

/// Replicas that are no longer the same.
public struct DriftError: Error, CustomStringConvertible, Sendable {
  public let tensor: String
  public let ranks: [Int]
  public let step: Int

  public var description: String {
    let who = ranks.map(String.init).joined(separator: ", ")
    return "replicas differ at step \(step): \(tensor) on rank \(who) is not that of rank 0"
  }
}

/// Ranks of one job that were started differently.
public struct DisagreementError: Error, CustomStringConvertible, Sendable {
  public let rank: Int
  public let here: String
  public let there: String

  public var description: String { "ranks differ: rank 0 has \"\(here)\", rank \(rank) has \"\(there)\"" }
}
