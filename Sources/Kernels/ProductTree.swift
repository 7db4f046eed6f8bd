import Synchronization

/// Two factors of a matrix product, with so many columns of the left one and rows of the right one.
public struct ProductFactors {
  let left, right: MatrixOperand
  let inner: Int

  /// Of memory that lives as long as the call they are for.
  public init(_ left: MatrixOperand, _ right: MatrixOperand, inner: Int) {
    (self.left, self.right, self.inner) = (left, right, inner)
  }
}

/// Matrix products of one shape that are added in a tree, as gradients of virtual shards are.
public indirect enum ProductTree {
  /// One after the other: each goes on from what the one before it came to.
  case chain([ProductFactors])
  /// The left sum plus the right one.
  case sum(ProductTree, ProductTree)

  private var depth: Int {
    switch self {
    case .chain: 0
    case .sum(let left, let right): max(left.depth, right.depth + 1)
    }
  }

  /// Writes the sum, `[rows, columns]` without gaps. A few rows at a time go through the whole tree, so that the sums on the way
  /// stay in the caches: adding whole gradients of dense layers takes as long as computing them, for they come from memory.
  public func compute(rows: Int, columns: Int, into result: Floats, by kernels: any Backend) throws {
    if let metered = kernels as? MeteredKernels {
      return try metered.compute(self, rows: rows, columns: columns, into: result)
    }
    if case .chain(let factors) = self {
      return try Self.multiply(factors, rows: 0..<rows, columns, into: result, kernels)
    }
    // All tiles of a block are whole ones, of six rows or of fourteen.
    let (unit, rowsInCache) = (42, 32_768 / max(columns, 1))
    let block = max(rowsInCache / unit, 1) * unit
    let fault = Mutex<(any Error)?>(nil)
    KernelThreads.share(rows, inParts: KernelThreads.parts(ofWork: rows, columns, inner), multiplesOf: block) { share in
      ScratchMemory.floats(depth * block * columns) { scratch in
        do {
          for first in stride(from: share.lowerBound, to: share.upperBound, by: block) {
            let range = first..<min(first + block, share.upperBound)
            try compute(range, columns, into: result + first * columns, scratch, step: block * columns, kernels)
          }
        } catch {
          fault.withLock { $0 = error }
        }
      }
    }
    if let error = fault.withLock({ $0 }) { throw error }
  }

  /// Products that make up an element.
  private var inner: Int {
    switch self {
    case .chain(let factors): factors.reduce(0) { $0 + $1.inner }
    case .sum(let left, let right): left.inner + right.inner
    }
  }

  /// Some rows of the sum; `scratch` has `step` floats for each level of the tree.
  private func compute(
    _ rows: Range<Int>, _ columns: Int, into result: Floats, _ scratch: Floats, step: Int, _ kernels: any Backend
  ) throws {
    switch self {
    case .chain(let factors): try Self.multiply(factors, rows: rows, columns, into: result, kernels)
    case .sum(let left, let right):
      try left.compute(rows, columns, into: result, scratch, step: step, kernels)
      try right.compute(rows, columns, into: scratch, scratch + step, step: step, kernels)
      for i in 0..<rows.count * columns { result[i] += scratch[i] }
    }
  }

  private static func multiply(
    _ chain: [ProductFactors], rows: Range<Int>, _ columns: Int, into result: Floats, _ kernels: any Backend
  ) throws {
    for (index, factors) in chain.enumerated() {
      try kernels.multiply(
        rows: rows.count, columns: columns, inner: factors.inner, factors.left.from(row: rows.lowerBound),
        factors.right, into: result, accumulating: index > 0)
    }
  }
}

extension MatrixOperand {
  /// This left factor from a row on.
  fileprivate func from(row: Int) -> MatrixOperand {
    MatrixOperand(data + row * (isTransposed ? 1 : rowStride), isTransposed: isTransposed, rowStride: rowStride)
  }
}
