/// The extents of a tensor's axes; a scalar has none.
public struct Shape: Hashable, Sendable, ExpressibleByArrayLiteral, RandomAccessCollection, CustomStringConvertible {
  /// From the first axis to the last.
  public var extents: [Int]

  /// Of these extents; `[]` is a scalar's.
  public init(_ extents: [Int]) { self.extents = extents }
  public init(arrayLiteral extents: Int...) { self.extents = extents }

  public var startIndex: Int { 0 }
  public var endIndex: Int { extents.count }
  public subscript(axis: Int) -> Int {
    get { extents[axis] }
    set { extents[axis] = newValue }
  }
  /// How many axes there are.
  public var rank: Int { extents.count }
  public var description: String { "\(extents)" }

  /// How many elements; right for the shape of any tensor, which is checked when it is made.
  public var elementCount: Int { extents.reduce(1, &*) }

  /// The element count, or nil where an extent is negative or the bytes would not fit an address. Extents of 0 don't
  /// excuse the others, so that no product of some of the extents can overflow later.
  func checkedElementCount(of dtype: DType) -> Int? {
    var count = 1
    for extent in extents {
      let (product, overflow) = count.multipliedReportingOverflow(by: Swift.max(extent, 1))
      if overflow || extent < 0 { return nil }
      count = product
    }
    return count <= Int.max / 16 / dtype.byteCount ? elementCount : nil
  }

  /// Elements from one index to the next, per axis, in row-major order.
  var rowMajorStrides: [Int] {
    // Literals: small tensors spend much of their time on arrays of a length that is only known when they are made.
    switch rank {
    case 0: return []
    case 1: return [1]
    case 2: return [Swift.max(extents[1], 1), 1]
    default: break
    }
    var strides = [Int](repeating: 1, count: rank)
    for axis in extents.indices.dropLast().reversed() {
      strides[axis] = strides[axis + 1] * Swift.max(extents[axis + 1], 1)
    }
    return strides
  }

  /// The strides of `[batch, channels, height, width]` with the channels innermost.
  var channelsLastStrides: [Int] {
    [extents[1] * extents[2] * extents[3], 1, extents[3] * extents[1], extents[1]]
  }

  /// `axis`, where -1 is the last one.
  func axis(_ axis: Int, for operation: String) throws -> Int {
    let resolved = axis < 0 ? axis + rank : axis
    guard extents.indices.contains(resolved) else {
      throw TensorError(operation, "there is no axis \(axis) in shape \(self)")
    }
    return resolved
  }

  /// The shape to which both repeat themselves: aligned at the last axis, extents equal or 1.
  public func broadcast(with other: Shape, for operation: String) throws -> Shape {
    if self == other { return self }
    let rank = Swift.max(self.rank, other.rank)
    var result = [Int](repeating: 1, count: rank)
    for axis in 0..<rank {
      let mine = axis < rank - self.rank ? 1 : extents[axis - rank + self.rank]
      let theirs = axis < rank - other.rank ? 1 : other.extents[axis - rank + other.rank]
      guard mine == theirs || mine == 1 || theirs == 1 else {
        throw TensorError(operation, "shapes \(self) and \(other) don't broadcast: \(mine) against \(theirs)")
      }
      result[axis] = mine == 1 ? theirs : mine
    }
    return Shape(result)
  }
}
