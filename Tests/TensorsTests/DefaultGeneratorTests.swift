import Foundation
import Tensors
import Testing

@testable import TestSupport

/// Each test stands on one thread throughout, whose generator it sets.
@Suite("Random numbers without a key")
struct DefaultGeneratorTests {
  @Test("A seed begins them anew; each call has numbers of its own")
  func seeds() throws {
    func draw() throws -> [[Float]] {
      try [
        Tensor.randn(3), Tensor.rand(3), Tensor.randn(3), Tensor.uniform([3], 5, 6),
        Tensor.bernoulli([3], probability: 0.5),
        Tensor.ones([3]).droppedOut(0.5), Tensor.randperm(9).to(.float32), Tensor.randint(0, 1 << 20, [3]).to(.float32),
      ].map { try $0.floats() }
    }
    Tensor.manualSeed(7)
    let first = try draw()
    #expect(try draw() != first && first[0] != first[2])
    Tensor.manualSeed(7)
    #expect(try draw() == first)
    Tensor.manualSeed(8)
    #expect(try draw()[0] != first[0])
  }

  @Test("Whole numbers lie in their range, each as often")
  func integers() throws {
    Tensor.manualSeed(1)
    let values = try Tensor.integers([6000], -3, 3).values(as: Int64.self)
    let counts = values.reduce(into: [Int64: Int]()) { $0[$1, default: 0] += 1 }
    #expect(Set(counts.keys) == [-3, -2, -1, 0, 1, 2] && counts.values.allSatisfy { abs($0 - 1000) < 150 })
    for bounds in [(3, 3), (3, 2), (Int.min, Int.max)] {
      #expect(Tensor.integers([1], bounds.0, bounds.1).description.hasPrefix("integers"))
    }
  }

  @Test("Threads begin with the last seed, and draw alike")
  func threads() throws {
    // Of several attempts one is without a test beside this one that sets another seed meanwhile.
    let areAlike = try (0..<20).contains { _ in
      Tensor.manualSeed(11)
      let (own, others) = (try Tensor.randn(4).floats(), Others())
      let threads = (0..<3).map { _ in Thread { others.add { try Tensor.randn(4).floats() } } }
      for thread in threads { thread.start() }
      while others.count < 3 { usleep(1000) }
      return others.all == [own, own, own]
    }
    #expect(areAlike)
  }

  @Test("In a training's pass they are functions of seed and step; those like a batch of the sample")
  func scopes() throws {
    func pass(_ samples: [Int], time: Int = 3) throws -> (plain: [Float], rows: [[Float]]) {
      try ForwardScope.run(seed: 5, time: time, samples: samples) {
        let plain = try Tensor.randn(2).floats()
        let rows = Tensor.normal(like: .zeros([samples.count, 2])) + Tensor.uniform(like: .zeros([samples.count, 2]))
        return (plain, try samples.indices.map { try rows[$0].floats() })
      }
    }
    let (whole, slice) = (try pass([4, 9, 2]), try pass([2, 4]))
    #expect(whole.plain == slice.plain && whole.rows[2] == slice.rows[0] && whole.rows[0] == slice.rows[1])
    #expect(whole.rows[0] != whole.rows[1])
    #expect(try pass([4], time: 4).plain != whole.plain)
    let misfit = ForwardScope.run(seed: 5, time: 0, samples: [1]) { Tensor.normal(like: .zeros([2, 2])) }
    #expect(misfit.fault != nil && Tensor.normal(like: Tensor(1.0)).fault != nil)
  }
}

private final class Others: @unchecked Sendable {
  private let lock = NSLock()
  private var found: [[Float]] = []
  var count: Int { lock.withLock { found.count } }
  var all: [[Float]] { lock.withLock { found } }
  func add(_ body: () throws -> [Float]) {
    let values = (try? body()) ?? []
    lock.withLock { found.append(values) }
  }
}
