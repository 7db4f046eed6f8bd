import Kernels

// In half precision what goes from layer to layer lies in memory as bf16: half the bytes to keep for backward, and to read and
// write. To its user such a tensor is float32 like any other. Convolutions make them; operators that know them give results that
// lie so, too (`isHalf`); to all others `pointer()` gives float32, which stays then.

extension HalfKernels {
  /// For what has no choice of kernels.
  static let standard = HalfKernels()
}

extension Tensor {
  /// A float32 tensor whose elements lie as bf16, of undefined content.
  convenience init(halves shape: Shape, strides: [Int]) throws {
    guard let count = shape.checkedElementCount(of: .float32) else { throw TensorError.impossible(shape, .float32) }
    try self.init(storage: Storage(halves: count), shape: shape, strides: strides, offset: 0, dtype: .float32)
  }

  /// Whether the elements lie as bf16, without gaps.
  final var isHalf: Bool { dtype == .float32 && storage.halves != nil && isDense }

  /// The first element of a tensor that `isHalf`.
  final func halfPointer() throws -> Halves {
    try check()
    guard let halves = storage.halves else { throw TensorError("bf16", "a float32 tensor of shape \(shape) is none") }
    return halves + offset
  }

  /// `[batch, channels, height, width]` channels-last as bf16: this tensor where it lies so, else a copy. Not recorded.
  final func halfImages() throws -> Tensor {
    if isHalf && isChannelsLast { return self }
    let plain = channelsLast()
    let result = try Tensor(halves: shape, strides: shape.channelsLastStrides)
    try HalfKernels.standard.narrow(plain.pointer(), into: result.halfPointer(), count: elementCount)
    return result
  }

  /// A tensor that lies in memory like this one.
  final func alike() throws -> Tensor {
    isHalf ? try Tensor(halves: shape, strides: strides) : try Tensor(uninitialized: shape, dtype, strides: strides)
  }

  /// The sum with another that lies alike as bf16; nil where they do not. Not recorded.
  final func halfSum(with other: Tensor) throws -> Tensor? {
    guard isHalf, other.isHalf, shape == other.shape, strides == other.strides else { return nil }
    let result = try alike()
    try HalfKernels.standard.add(
      halfPointer(), other.halfPointer(), into: result.halfPointer(), count: elementCount)
    return result
  }

  /// `max(0, ·)` of what lies as bf16; nil where it does not. Not recorded.
  final func halfCut() throws -> Tensor? {
    guard isHalf else { return nil }
    let result = try alike()
    try HalfKernels.standard.cut(halfPointer(), into: result.halfPointer(), count: elementCount)
    return result
  }

  /// This gradient where a ReLU's output was above zero; nil where not both lie alike as bf16. Not recorded.
  final func halfPassing(_ output: Tensor) throws -> Tensor? {
    guard isHalf, output.isHalf, shape == output.shape, strides == output.strides else { return nil }
    let result = try alike()
    try HalfKernels.standard.cutGradient(
      output: output.halfPointer(), halfPointer(), into: result.halfPointer(), count: elementCount)
    return result
  }
}
