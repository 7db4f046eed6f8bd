import Kernels

// Subscripts: `x[0]`, `x[1..<3]`, `x[.all, 2...]`. Negative numbers count from the end, in ranges too: `x[-3...]` are the last
// three, `x[0..<(-1)]` all but the last, `x[1...(-1)]` all but the first. What lies outside is a fault, never a trap.

/// What a subscript takes of one axis.
public protocol TensorIndex {
  /// What it takes of an axis.
  var selection: TensorSelection { get }
}

/// A `TensorIndex` that may run backwards in writing, from the start to so many from the end: all but Swift's own ranges, which
/// trap before anybody sees them. The subscript prefers these, so that a range written in it becomes a `TensorSelection`.
public protocol SafeTensorIndex: TensorIndex {}

/// What a subscript takes of one axis.
public enum TensorSelection: Sendable {
  /// One position; the axis goes.
  case one(Int)
  /// Every `step`-th position from `start` up to `end`, without it; the axis stays.
  case range(start: Int, end: Int?, step: Int)

  /// Up to and with `last`, where -1 is the axis's last index.
  static func through(_ last: Int, from start: Int) -> TensorSelection {
    .range(start: start, end: last == -1 ? nil : last == .max ? .max : last + 1, step: 1)
  }
}

extension TensorSelection: TensorIndex, SafeTensorIndex { public var selection: TensorSelection { self } }
extension Int: TensorIndex, SafeTensorIndex { public var selection: TensorSelection { .one(self) } }
extension Range<Int>: TensorIndex {
  public var selection: TensorSelection { .range(start: lowerBound, end: upperBound, step: 1) }
}
extension ClosedRange<Int>: TensorIndex {
  public var selection: TensorSelection { .through(upperBound, from: lowerBound) }
}
extension PartialRangeFrom<Int>: TensorIndex, SafeTensorIndex {
  public var selection: TensorSelection { .range(start: lowerBound, end: nil, step: 1) }
  /// `-3...` is Swift's `-(3...)`.
  public static prefix func - (range: PartialRangeFrom<Int>) -> TensorSelection {
    .range(start: 0 &- range.lowerBound, end: nil, step: 1)
  }
}
extension PartialRangeUpTo<Int>: TensorIndex, SafeTensorIndex {
  public var selection: TensorSelection { .range(start: 0, end: upperBound, step: 1) }
}
extension PartialRangeThrough<Int>: TensorIndex, SafeTensorIndex {
  public var selection: TensorSelection { .through(upperBound, from: 0) }
}

extension Int {
  // Taken within a tensor's subscript alone; everywhere else Swift's own operators are.
  /// Up to a position, without it.
  @_disfavoredOverload
  public static func ..< (start: Int, end: Int) -> TensorSelection { .range(start: start, end: end, step: 1) }
  /// Up to a position, with it.
  @_disfavoredOverload
  public static func ... (start: Int, last: Int) -> TensorSelection { .through(last, from: start) }
}

extension SafeTensorIndex where Self == TensorSelection {
  /// A whole axis.
  public static var all: TensorSelection { .range(start: 0, end: nil, step: 1) }
  /// Every `step`-th index of a range.
  public static func every(_ step: Int, from start: Int = 0, to end: Int? = nil) -> TensorSelection {
    .range(start: start, end: end, step: step)
  }
}

extension Tensor {
  /// A view of part of the elements. An integer removes its axis. Writing to the view, with `fill`, `assign` or
  /// `x[0] = y`, writes to this tensor and is not recorded.
  public final subscript(_ indices: any SafeTensorIndex...) -> Tensor {
    get { selecting(indices.map(\.selection)) }
    set { selecting(indices.map(\.selection)).assign(newValue) }
  }

  /// The same with ranges that have a name.
  @_disfavoredOverload
  public final subscript(_ indices: any TensorIndex...) -> Tensor {
    get { selecting(indices.map(\.selection)) }
    set { selecting(indices.map(\.selection)).assign(newValue) }
  }

  /// The view that `selections` take; the derivative is put at their places among zeros.
  final func selecting(_ selections: [TensorSelection]) -> Tensor {
    attempt(as: shape.selecting(selections), isView: true) { try viewed(selections) }
  }

  private func viewed(_ selections: [TensorSelection]) throws -> Tensor {
    guard selections.count <= rank else {
      throw TensorError("subscript", "\(selections.count) indices for the \(rank) axes of shape \(shape)")
    }
    var (extents, steps, start): ([Int], [Int], Int) = ([], [], offset)
    for axis in shape.indices {
      let extent = shape[axis]
      switch axis < selections.count ? selections[axis] : TensorSelection.all {
      case .one(let index):
        let resolved = index < 0 ? index &+ extent : index
        guard (0..<extent).contains(resolved) else {
          throw TensorError("subscript", "index \(index) is outside of axis \(axis) of shape \(shape)")
        }
        start += resolved * strides[axis]
      case .range(let from, let to, let step):
        let low = from < 0 ? from &+ extent : from
        let high = to.map { $0 < 0 ? $0 &+ extent : $0 } ?? extent
        guard step > 0, low >= 0, low <= high, high <= extent else {
          throw TensorError("subscript", "\(low)..<\(high) is outside of axis \(axis) of shape \(shape)")
        }
        extents.append((high - low) / step + ((high - low) % step == 0 ? 0 : 1))
        steps.append(strides[axis].multipliedReportingOverflow(by: step).partialValue)
        start += low * strides[axis]
      }
    }
    let whole = shape
    return view(Shape(extents), strides: steps, offset: start).recorded(
      [self], function: "subscript", as: .slice(selections, of: whole)
    ) { gradient in
      let result = Tensor.zeros(whole, gradient.dtype)
      result.selecting(selections).assign(gradient)
      return [result]
    }
  }
}

extension TracedOperation {
  /// A part of each axis that isn't taken whole; `squeezed` are the axes of which one position is left, and go away.
  fileprivate static func slice(_ selections: [TensorSelection], of shape: Shape) -> TracedOperation {
    var (starts, ends, axes, steps, squeezed): ([Int], [Int], [Int], [Int], [Int]) = ([], [], [], [], [])
    for (axis, selection) in selections.enumerated() {
      func part(_ start: Int, _ end: Int, _ step: Int) {
        (starts, ends, axes, steps) = (starts + [start], ends + [end], axes + [axis], steps + [step])
      }
      switch selection {
      case .one(let index):
        // The last one is so of any extent.
        part(index, index == -1 ? Int.max : index + 1, 1)
        squeezed.append(axis)
      case .range(let start, let end, let step):
        let isWhole = start == 0 && step == 1 && (end ?? shape[axis]) == shape[axis]
        if !isWhole { part(start, end.map { $0 == shape[axis] ? Int.max : $0 } ?? Int.max, step) }
      }
    }
    return TracedOperation(
      "Slice",
      [
        "starts": .ints(starts), "ends": .ints(ends), "axes": .ints(axes), "steps": .ints(steps),
        "squeezed": .ints(squeezed),
      ])
  }
}
