import MessagePassing
import Tensors

/// How gradients travel between ranks.
public enum Compression: String, Codable, CaseIterable, Sendable {
  /// As float32: sums are exact but for rounding.
  case none
  /// In the upper halves of float32: half of the bytes.
  case bf16
  /// In bytes with a scale for each block: a quarter of the bytes.
  case int8
  /// As products of thin matrices: a hundredth of the bytes of a large layer, or less.
  case powersgd

  /// Sums these tensors' gradients so; `rank` is that of PowerSGD's factors. nil for the ordinary sum.
  public func makeReducer(_ tensors: [Tensor], over communicator: Communicator, rank: Int) throws -> (any Reducer)? {
    switch self {
    case .none: nil
    case .bf16: try CodedReducer(tensors, over: communicator, code: BF16Code())
    case .int8: try CodedReducer(tensors, over: communicator, code: Int8Code())
    case .powersgd: try PowerSGDReducer(tensors, over: communicator, rank: rank)
    }
  }
}
