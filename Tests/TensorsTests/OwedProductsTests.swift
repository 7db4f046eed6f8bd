import Glibc
import Kernels
import Synchronization
import Testing

@testable import Tensors
@testable import TestSupport

@Suite("Products that backward owes: added in a tree before anybody looks, and nobody can tell but by the clock")
struct OwedProductsTests {
  private static func numbers(_ shape: Shape, _ layer: Int) -> Tensor {
    var key = RandomKey(seed: 16)
    key.layer = layer
    return .normal(shape, key: key)
  }

  /// A dense layer's gradient of its weights on one slice of a batch.
  private static func gradient(_ slice: Int, owed: Bool, rows: Int = 3, width: Int = 40, out: Int = 90) throws -> Tensor
  {
    let weight = numbers([out, width], 0).requiringGradient()
    let input = numbers([rows, width], slice + 1)
    try OwedGradients.run(owed) { try (input.linear(weight, nil) * input.sum()).sum().backward() }
    return try #require(weight.gradient)
  }

  @Test("Any tree of them has the bits of the same sums of computed ones", arguments: BackendName.allCases, [1, 2])
  func trees(_ backend: BackendName, threads: Int) throws {
    try KernelOptions(backend: backend, threads: threads).run {
      for (width, out) in [(40, 90), (1000, 130), (16, 43)] {
        let owed = try (0..<5).map { try Self.gradient($0, owed: true, width: width, out: out) }
        let known = try (0..<5).map { try Self.gradient($0, owed: false, width: width, out: out) }
        #expect(owed.allSatisfy { $0.owedFactors?.count == 2 } && known.allSatisfy { $0.owedFactors == nil })
        let last = try #require(owed[3].owingSum(with: owed[4]))
        let right = try #require(owed[2].owingSum(with: last))
        let left = try #require(owed[0].owingSum(with: owed[1]))
        let sum = try #require(left.owingSum(with: right))
        #expect(sum.owedFactors?.count == 10)
        #expect(try sum.floats() == ((known[0] + known[1]) + (known[2] + (known[3] + known[4]))).floats())
        #expect(sum.owedFactors == nil, "what was looked at is owed no more")
      }
    }
  }

  /// Notes on which threads it is told of work.
  private final class Listener: KernelMeter {
    let threads = Mutex<[pthread_t]>([])
    func begins(_ work: KernelWork) { threads.withLock { $0.append(pthread_self()) } }
    func ends() {}
    func isAsked(for call: KernelCall, times: Int) { threads.withLock { $0.append(pthread_self()) } }
  }

  @Test("A tree that threads share is measured by the one that asks for it, also when the meter's scope is over")
  func measured() throws {
    try KernelOptions(threads: 2).run {
      let listener = Listener()
      func sum(_ rows: Int) throws -> Tensor {
        let gradients = try (0..<3).map { try Self.gradient($0, owed: true, rows: rows, width: 1000, out: 600) }
        let right = try #require(gradients[1].owingSum(with: gradients[2]))
        return try #require(gradients[0].owingSum(with: right))
      }
      let owed = try KernelMeters.run(listener) { try sum(16) }
      listener.threads.withLock { $0 = [] }
      #expect(try owed.floats() == sum(16).floats())
      // Three products, measured as one.
      #expect(listener.threads.withLock { $0 } == [pthread_t](repeating: pthread_self(), count: 4))
    }
  }

  @Test("What has been looked at, has another shape or is a view is added as ever")
  func others() throws {
    let (owed, known) = (try Self.gradient(0, owed: true), try Self.gradient(1, owed: false))
    #expect(owed.owingSum(with: known) == nil && known.owingSum(with: owed) == nil)
    #expect(try owed.owingSum(with: Self.gradient(1, owed: true, out: 91)) == nil)
    let turned = owed.transposed()
    #expect(turned.owingSum(with: turned) == nil)
    #expect(try (owed + known).floats() == (Self.gradient(0, owed: false) + known).floats())
  }

  @Test("A second use of a weight, and factors that are changed in place, change no bit")
  func changes() throws {
    func gradients(owed: Bool) throws -> [Float] {
      let weight = Self.numbers([90, 40], 0).requiringGradient()
      let (first, second) = (Self.numbers([3, 40], 1), Self.numbers([2, 40], 2))
      try OwedGradients.run(owed) {
        try (first.linear(weight, nil).sum() + second.linear(weight, nil).sum()).backward()
      }
      let sum = try #require(weight.gradient)
      first.fill(7)
      return try sum.floats()
    }
    #expect(try gradients(owed: true) == gradients(owed: false))
    let owed = try Self.gradient(0, owed: true)
    try #require(owed.owedFactors)[1].fill(3)
    #expect(try owed.floats() == Self.gradient(0, owed: false).floats())
  }

  @Test("A gradient is kept where it was computed, without a copy")
  func ownership() throws {
    let weight = Self.numbers([4, 3], 0).requiringGradient()
    var address: UnsafeMutableRawPointer?
    let result = weight.detached().recorded([weight]) { gradient in
      let derivative = gradient * 2
      address = try derivative.storage.memory
      return [derivative]
    }
    try result.sum().backward()
    #expect(try address != nil && weight.gradient?.storage.memory == address)
  }
}
