/// What is put around a tensor's elements.
public enum PaddingMode: Sendable {
  /// A number.
  case constant(Double)
  /// The elements mirrored at the first and last of them, which are not repeated: `3 2 [1 2 3] 2 1`.
  case reflect
  /// The first and the last element again and again.
  case replicate
  /// The elements from the other end.
  case circular
}

extension Tensor {
  /// The elements with others around them: PyTorch's `pad`. The derivative is what arrives at the places that were taken.
  ///
  /// - Parameters:
  ///   - amounts: how many before and behind, of the last axis first: `[left, right, top, bottom]`. With a constant a negative
  ///     one takes elements away.
  ///   - mode: zeros unless said otherwise.
  public final func padded(_ amounts: [Int], _ mode: PaddingMode = .constant(0)) -> Tensor {
    attempt(as: shape.padded(amounts)) {
      guard amounts.count % 2 == 0, amounts.count <= 2 * rank, let whole = shape.padded(amounts) else {
        throw TensorError("pad", "shape \(shape) by \(amounts)")
      }
      if case .constant(let value) = mode { return try surrounded(amounts, whole, value) }
      return try (0..<amounts.count / 2).reduce(self) { tensor, pair in
        let (axis, before, behind) = (rank - 1 - pair, amounts[2 * pair], amounts[2 * pair + 1])
        return try tensor.selected(mode.positions(shape[axis], before, behind), axis: axis)
      }
    }
  }

  private final func surrounded(_ amounts: [Int], _ whole: Shape, _ value: Double) throws -> Tensor {
    let isOfImages = isChannelsLast && !isContiguous
    let result = try Tensor(uninitialized: whole, dtype, strides: isOfImages ? whole.channelsLastStrides : nil)
    result.fill(value)
    try result.check()
    // A negative amount cuts this tensor, a positive one leaves room in the result.
    let target = result.detached().inside(amounts.map { Swift.max($0, 0) })
    try target.write(detached().inside(amounts.map { Swift.max(-$0, 0) }))
    return result.recorded(
      [self], function: "padded", as: TracedOperation("Pad", ["amounts": .ints(amounts), "value": .float(value)])
    ) { [$0.padded(amounts.map { -$0 })] }
  }

  /// The view without so many elements before and behind.
  private final func inside(_ amounts: [Int]) -> Tensor {
    (0..<amounts.count / 2).reduce(self) { tensor, pair in
      let axis = rank - 1 - pair
      return tensor.part(amounts[2 * pair]..<tensor.shape[axis] - amounts[2 * pair + 1], axis)
    }
  }
}

extension PaddingMode {
  /// Which elements of an axis a padded one has.
  fileprivate func positions(_ extent: Int, _ before: Int, _ behind: Int) throws -> [Int] {
    let range = -before..<extent + behind
    switch self {
    case .reflect where before < extent && behind < extent && before >= 0 && behind >= 0:
      return range.map { $0 < 0 ? -$0 : $0 < extent ? $0 : 2 * (extent - 1) - $0 }
    case .replicate where extent > 0 && before >= 0 && behind >= 0:
      return range.map { Swift.min(Swift.max($0, 0), extent - 1) }
    case .circular where before <= extent && behind <= extent && before >= 0 && behind >= 0:
      return range.map { ($0 + extent) % Swift.max(extent, 1) }
    default: throw TensorError("pad", "\(self) can't give \(before) and \(behind) to an axis of \(extent)")
    }
  }
}

extension Shape {
  /// With so much more before and behind the last axes; nil where that is no shape.
  fileprivate func padded(_ amounts: [Int]) -> Shape? {
    guard amounts.count <= 2 * rank, amounts.allSatisfy({ Swift.abs(Double($0)) <= Double(Int32.max) }) else {
      return nil
    }
    var result = self
    for (index, amount) in amounts.enumerated() {
      let axis = rank - 1 - index / 2
      // No more can be taken away than there is.
      guard self[axis] + Swift.min(amount, 0) + (index % 2 == 1 ? Swift.min(amounts[index - 1], 0) : 0) >= 0 else {
        return nil
      }
      let (sum, overflow) = result[axis].addingReportingOverflow(amount)
      if overflow { return nil }
      result[axis] = sum
    }
    return result.extents.allSatisfy { $0 >= 0 } ? result : nil
  }
}
