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
      func leaf(_ layer: Int) -> Tensor {
        Tensor.normal(Self.shape, key: RandomKey(seed: 6, layer: layer)).arranged(layout).detached().requiringGradient()
      }
      let (a, b) = (leaf(0), leaf(1))
      // The ReLU's derivative changes the product's gradient where it lies.
      try ((a * b).relu() * b).sum().backward()
      return try [a + b, a * b, a - b, a / b].map(bits) + [a, b].map { try bits(#require($0.gradient)) }
    }
  }

  @Test(arguments: [Layout.rowMajor, .channelsLast, .blocked]) func sameBits(_ layout: Layout) throws {
    let one = try figures(threads: 1, layout)
    for threads in [2, 3] { #expect(try figures(threads: threads, layout) == one) }
  }
}
