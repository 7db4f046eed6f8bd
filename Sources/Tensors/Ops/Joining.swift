extension Tensor {
  /// Tensors laid behind each other along an axis; all other extents must agree. Each gets its part of the derivative.
  public static func concatenate(_ tensors: [Tensor], axis: Int = 0) -> Tensor {
    guard let first = tensors.first else {
      return Tensor(fault: TensorError("concatenate", "there is nothing to join"), [0], .float32)
    }
    let length = tensors.reduce(0) { sum, tensor in
      sum &+ (tensor.shape.resolved(axis).map { tensor.shape[$0] } ?? 0)
    }
    return first.attempt(as: first.shape.replacing(axis, by: length)) {
      for tensor in tensors { try tensor.check() }
      return try first.joined(tensors, axis)
    }
  }

  /// `concatenate`, of which this tensor is the first.
  private final func joined(_ tensors: [Tensor], _ axis: Int) throws -> Tensor {
    let first = self
    let axis = try first.shape.axis(axis, for: "concatenate")
    var extents = first.shape.extents
    extents[axis] = 0
    for tensor in tensors {
      let fits =
        tensor.rank == first.rank && extents.indices.allSatisfy { $0 == axis || tensor.shape[$0] == extents[$0] }
      guard fits else {
        throw TensorError("concatenate", "shapes \(first.shape) and \(tensor.shape) differ beside axis \(axis)")
      }
      // Past memory it saturates, and no tensor of that shape can be made.
      let (sum, overflow) = extents[axis].addingReportingOverflow(tensor.shape[axis])
      extents[axis] = overflow ? .max : sum
    }
    // Images stay channels-last, as the layers around want them.
    let areChannelsLast = tensors.allSatisfy { $0.isChannelsLast && !$0.isContiguous }
    let result = try Tensor(
      uninitialized: Shape(extents), tensors.map(\.dtype).max() ?? first.dtype,
      strides: areChannelsLast ? Shape(extents).channelsLastStrides : nil)
    var parts: [Range<Int>] = []
    for tensor in tensors {
      let start = parts.last?.upperBound ?? 0
      parts.append(start..<start + tensor.shape[axis])
      try result.part(parts[parts.count - 1], axis).write(tensor)
    }
    let outlines = tensors.map(\.outline)
    return result.recorded(tensors, as: TracedOperation("Concat", ["axis": .int(axis)])) { gradient in
      zip(outlines, parts).map { tensor, part in
        tensor.tracksGradient ? gradient.part(part, axis).to(tensor.dtype) : nil
      }
    }
  }

  /// Tensors of one shape laid along a new axis.
  public static func stack(_ tensors: [Tensor], axis: Int = 0) -> Tensor {
    guard let first = tensors.first else {
      return Tensor(fault: TensorError("stack", "there is nothing to join"), [0], .float32)
    }
    return first.attempt(as: Shape([tensors.count] + first.shape.extents)) {
      for tensor in tensors { try tensor.check() }
      if let other = tensors.first(where: { $0.shape != first.shape }) {
        throw TensorError("stack", "shapes \(first.shape) and \(other.shape) differ")
      }
      let position = axis < 0 ? axis &+ first.rank &+ 1 : axis
      return concatenate(tensors.map { $0.unsqueezed(position) }, axis: position)
    }
  }

  /// The view of a range of one axis.
  final func part(_ range: Range<Int>, _ axis: Int) -> Tensor {
    var extents = shape.extents
    extents[axis] = range.count
    return view(Shape(extents), strides: strides, offset: offset + range.lowerBound * strides[axis])
  }
}
