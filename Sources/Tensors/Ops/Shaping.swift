// Other views of the same elements; nothing is copied unless the new shape can't be a view.

extension Tensor {
  /// The same elements in row-major order under another shape; one extent may be -1 and is computed.
  public final func reshaped(_ shape: Shape) -> Tensor {
    attempt(as: Shape(shape.extents.map { Swift.max($0, 1) }), isView: true) {
      let target = try resolve(shape)
      if target == self.shape && isContiguous { return self }
      let source = packed()
      let result = source.view(target, strides: target.rowMajorStrides, offset: source.offset)
      let original = self.shape
      return result.recorded([self], as: TracedOperation("Reshape")) { [$0.reshaped(original)] }
    }
  }

  private func resolve(_ shape: Shape) throws -> Shape {
    var extents = shape.extents
    let known = extents.filter { $0 != -1 }
    let product = known.reduce(1) { $0.multipliedReportingOverflow(by: $1).partialValue }
    if let unknown = extents.firstIndex(of: -1), known.count == extents.count - 1, product > 0 {
      extents[unknown] = elementCount / product
    }
    guard extents.allSatisfy({ $0 >= 0 }), Shape(extents).checkedElementCount(of: dtype) == elementCount else {
      throw TensorError("reshape", "\(elementCount) elements of shape \(self.shape) don't fill shape \(shape)")
    }
    return Shape(extents)
  }

  /// The axes in another order: result axis i is this tensor's axis `axes[i]`.
  public final func permuted(_ axes: [Int]) -> Tensor {
    attempt(as: Shape(axes.compactMap { shape.resolved($0) }.map { shape[$0] }), isView: true) {
      let order = try axes.map { try shape.axis($0, for: "permute") }
      guard order.count == rank && Set(order).count == rank else {
        throw TensorError("permute", "\(axes) is no order of the \(rank) axes of shape \(shape)")
      }
      let result = view(Shape(order.map { shape[$0] }), strides: order.map { strides[$0] }, offset: offset)
      return result.recorded([self], as: TracedOperation("Transpose", ["perm": .ints(order)])) { gradient in
        [gradient.permuted(order.indices.map { axis in order.firstIndex(of: axis) ?? axis })]
      }
    }
  }

  /// Two axes exchanged; by default the last two.
  public final func transposed(_ first: Int = -2, _ second: Int = -1) -> Tensor {
    attempt(as: shape.transposed(first, second), isView: true) {
      let (first, second) = (try shape.axis(first, for: "transpose"), try shape.axis(second, for: "transpose"))
      var (extents, steps) = (shape.extents, strides)
      extents.swapAt(first, second)
      steps.swapAt(first, second)
      return view(Shape(extents), strides: steps, offset: offset).recorded(
        [self], as: .exchange(first, second, of: rank)
      ) { [$0.transposed(first, second)] }
    }
  }

  /// The elements repeated along axes of extent 1 and new leading axes, without a copy.
  public final func expanded(to shape: Shape) -> Tensor {
    if shape == self.shape { return self }
    return attempt(as: shape, isView: true) {
      guard shape.rank >= rank, try self.shape.broadcast(with: shape, for: "expand") == shape else {
        throw TensorError("expand", "shape \(self.shape) does not expand to \(shape)")
      }
      guard shape.checkedElementCount(of: dtype) != nil else {
        throw TensorError("expand", "shape \(shape) is beyond any memory")
      }
      let lead = shape.rank - rank
      let stretched = shape.indices.map { axis in
        axis < lead || self.shape[axis - lead] == 1 && shape[axis] != 1 ? 0 : strides[axis - lead]
      }
      let outline = outline
      return view(shape, strides: stretched, offset: offset).recorded([self], as: TracedOperation("Expand")) {
        [outline.unbroadcast($0)]
      }
    }
  }

  /// A new axis of extent 1 before `axis`.
  public final func unsqueezed(_ axis: Int) -> Tensor {
    attempt(as: Shape(shape.extents + [1]), isView: true) {
      let position = axis < 0 ? axis + rank + 1 : axis
      guard (0...rank).contains(position) else {
        throw TensorError("unsqueeze", "shape \(shape) has no place for an axis \(axis)")
      }
      var extents = shape.extents
      extents.insert(1, at: position)
      return reshaped(Shape(extents))
    }
  }

  /// Without an axis of extent 1.
  public final func squeezed(_ axis: Int) -> Tensor {
    attempt(as: shape.reduced([axis], keepingAxes: false), isView: true) {
      let position = try shape.axis(axis, for: "squeeze")
      guard shape[position] == 1 else { throw TensorError("squeeze", "axis \(axis) of shape \(shape) is not 1") }
      var extents = shape.extents
      extents.remove(at: position)
      return reshaped(Shape(extents))
    }
  }

  /// Everything behind the first axis laid flat: `[batch, …]` to `[batch, features]`.
  public final func flattened() -> Tensor {
    guard rank > 0 else { return reshaped([1, 1]) }
    return reshaped([shape[0], shape.extents.dropFirst().reduce(1, *)])
  }
}

extension TracedOperation {
  /// Two axes of so many exchanged.
  fileprivate static func exchange(_ first: Int, _ second: Int, of rank: Int) -> TracedOperation {
    var order = Array(0..<rank)
    order.swapAt(first, second)
    return TracedOperation("Transpose", ["perm": .ints(order)])
  }
}
