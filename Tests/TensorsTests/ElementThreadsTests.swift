import Kernels
import Testing

@testable import Tensors
@testable import TestSupport

/// Threads share the elements of large tensors; nobody can tell but by the clock.
@Suite("Elementwise operations on several threads")
struct ElementThreadsTests {
  private static let shape: Shape = [3, 5, 211, 130]

  private func figures(threads: Int, _ layout: Layout) throws -> [[UInt32]] {
    try KernelOptions(threads: threads).run {
      let (a, b) = (0, 1)
      let leaves = [a, b].map { layer in
        Tensor.normal(Self.shape, key: RandomKey(seed: 6, layer: layer)).arranged(layout).detached().requiringGradient()
      }
      let results = [leaves[a] + leaves[b], leaves[a] * leaves[b], leaves[a] - leaves[b], leaves[a] / leaves[b]]
      // The ReLU's derivative changes the product's gradient where it lies.
      try ((leaves[a] * leaves[b]).relu() * leaves[b]).sum().backward()
      return try results.map(bits) + leaves.map { try bits(#require($0.gradient)) }
    }
  }

  @Test(arguments: [Layout.rowMajor, .channelsLast, .blocked]) func sameBits(_ layout: Layout) throws {
    let one = try figures(threads: 1, layout)
    for threads in [2, 3] { #expect(try figures(threads: threads, layout) == one) }
  }
}
