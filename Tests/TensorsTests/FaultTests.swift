import Foundation
import Tensors
import Testing

@testable import TestSupport

@Suite("Faults travel: what can't be done is known where a value is asked for")
struct FaultTests {
  private static let broken = ones(2, 3) + ones(4)
  private static let text = "sum: shapes [2, 3] and [4] don't broadcast: 3 against 4"

  private func message(_ body: () throws -> Void) -> String? { TestSupport.message(of: body) }

  @Test("Every look throws the fault, and printing shows it")
  func looks() {
    let broken = Self.broken
    #expect(broken.shape == [2, 3] && broken.description == Self.text)
    #expect(message { _ = try broken.item() } == Self.text)
    #expect(message { _ = try broken.floats() } == Self.text)
    #expect(message { _ = try broken.values(as: Int64.self) } == Self.text)
    #expect(message { try broken.sum().backward() } == Self.text)
    #expect(message { try broken.withFloats { _ in } } == Self.text)
  }

  @Test("The first fault wins, the left operand's before the right's")
  func first() {
    let other = ones(2).matmul(ones(5))
    let text = other.description
    #expect(text.hasPrefix("matmul"))
    #expect((Self.broken + other).description == Self.text && (other + Self.broken).description == text)
    #expect((other > Self.broken).description == text)
    #expect(Tensor.concatenate([ones(2), other, Self.broken]).description == text)
    #expect(ones(2).chosen(where: other, else: Self.broken).description == text)
    #expect((((Self.broken * 2).relu().reshaped([7]) - other).sum(9)).description == Self.text)
  }

  @Test("Code behind a fault runs on, under the shape that the result would have had")
  func shapes() {
    let broken = Self.broken
    #expect(broken.transposed().shape == [3, 2] && broken.sum(1).shape == [2])
    #expect(broken.matmul(ones(3, 7)).shape == [2, 7] && broken.linear(ones(5, 3), nil).shape == [2, 5])
    #expect(broken[0].shape == [3] && broken[.all, 1...].shape == [2, 2])
    #expect(broken.reshaped([-1]).fault != nil && broken.argmax(1).dtype == .int64 && (broken < 0).dtype == .bool)
    #expect(ones(1, 2, 8, 8).convolved(ones(4, 3, 3, 3), padding: [1, 1]).shape == [1, 4, 8, 8])
    // A shape that nobody can have would set traps for what works with it.
    #expect(Tensor.zeros([.max, 2]).shape == [1, 1] && Tensor.zeros([-1]).shape == [1])
  }

  @Test("A change in place that can't be done writes nothing, and all that share the memory know")
  func inPlace() throws {
    let x = ones(3)
    let view = x[1...]
    view.assign(ones(7))
    #expect(x.fault != nil && view.fault != nil)
    #expect(message { _ = try x.floats() }?.contains("expand") == true)
    let y = ones(3)
    y.assign(Self.broken)
    #expect(y.description == Self.text)
    var z = ones(3)
    z += Self.broken
    #expect(z.description == Self.text)
    let outside = ones(3)
    outside[7] = ones()
    #expect(outside.description == "subscript: index 7 is outside of axis 0 of shape [3]")
    let onlyRead = ones(3)
    _ = onlyRead[7]
    #expect(try onlyRead.floats() == [1, 1, 1])
    Self.broken.fill(0)
    #expect(Self.broken.description == Self.text)
    let nothing = Tensor.empty
    nothing.assign(ones(3))
    #expect(nothing.fault != nil && Tensor.empty.fault == nil)
  }

  @Test("A fault in a rule of backward is thrown by backward")
  func backward() {
    let x = ones(3).requiringGradient()
    #expect(message { try (x * 2).backward(gradient: Self.broken) } == Self.text)
    #expect(x.gradient == nil)
    #expect(Tensor.arange(3).requiringGradient().description == "gradient: int64 tensors have none")
  }

  /// Tensors of all kinds, some already broken, go through random operators with random arguments: none may trap. One in a
  /// hundred results is looked at.
  @Test("Random operators on random shapes never trap")
  func fuzz() {
    // `launch/fuzz expressions` asks for a million.
    let expressions = ProcessInfo.processInfo.environment["LOCKSTEP_EXPRESSIONS"].flatMap { Int($0) } ?? 20_000
    var numbers = Fuzz(seed: 12)
    var pool = (0..<24).map { _ in numbers.fresh() }
    var faults = 0
    for index in 0..<expressions {
      let result = numbers.expression(pool)
      if result.fault != nil { faults += 1 }
      if index % 100 == 0 && result.elementCount < 10_000 { _ = result.description }
      // Half of the faulted ones go, so that sound tensors don't die out.
      let isKept = result.elementCount < 5000 && (result.fault == nil || numbers.next(4) == 0)
      pool[numbers.next(pool.count)] = isKept ? result : numbers.fresh()
    }
    #expect(faults > expressions / 10 && faults < expressions)
  }
}

/// Draws tensors and what to do with them.
private struct Fuzz {
  private let key: RandomKey
  private var draw = 0

  init(seed: UInt64) { key = RandomKey(seed: seed) }

  mutating func next(_ bound: Int) -> Int {
    draw += 1
    return key.bounded(bound, draw: draw)
  }

  /// An axis or index: mostly sound, now and then absurd.
  private mutating func odd() -> Int { next(40) == 0 ? [Int.min, .max, 1 << 40, -7][next(4)] : next(7) - 3 }

  private mutating func shape() -> Shape {
    Shape((0..<next(5)).map { _ in next(60) == 0 ? [0, -1, .max][next(3)] : 1 + next(3) })
  }

  mutating func fresh() -> Tensor {
    let tensor = Tensor.full(
      shape(), Double(next(7)) - 3, [.float32, .float32, .float64, .int64, .uint8, .bool][next(6)])
    return next(3) == 0 ? tensor.requiringGradient() : tensor
  }

  mutating func expression(_ pool: [Tensor]) -> Tensor {
    let (x, y, z) = (pool[next(pool.count)], pool[next(pool.count)], pool[next(pool.count)])
    switch next(60) {
    case 0: return x + y
    case 1: return x - y
    case 2: return x * y
    case 3: return x / y
    case 4: return x * 2 - 1
    case 5: return 1.5 / x
    case 6: return x.maximum(y)
    case 7: return x .== y
    case 8: return x < y
    case 9: return x.chosen(where: y, else: z)
    case 10: return x.matmul(y)
    case 11: return x.linear(y, next(2) == 0 ? z : nil)
    case 12: return x.sum([odd(), odd()])
    case 13: return x.mean(odd(), keepingAxes: true)
    case 14: return x.max(odd())
    case 15: return x.argmin(odd())
    case 16: return x.norm([odd()])
    case 17: return x.cumulativeSum(odd())
    case 18: return x.softmax(odd())
    case 19: return x.logSumExp([odd()])
    case 20: return x.crossEntropy(y)
    case 21: return x.reshaped(shape())
    case 22: return x.reshaped([-1])
    case 23: return x.permuted((0..<x.rank).map { _ in odd() })
    case 24: return x.transposed(odd(), odd())
    case 25: return x.expanded(to: shape())
    case 26: return x.unsqueezed(odd())
    case 27: return x.squeezed(odd())
    case 28: return x[odd()]
    case 29: return x[odd()..<odd(), .all]
    case 30: return x[.every(odd(), from: odd(), to: odd())]
    case 31: return x.selected([odd(), odd()], axis: odd())
    case 32: return x.gathered(y, axis: odd())
    case 33: return x.rows(y)
    case 34: return Tensor.concatenate([x, y], axis: odd())
    case 35: return Tensor.stack([x, y, z], axis: odd())
    case 36: return x.convolved(y, bias: next(2) == 0 ? z : nil, stride: [1 &+ odd(), 1], padding: [odd(), 1]).relu()
    case 37: return x.maxPooled([odd(), 2])
    case 38: return x.adaptivelyAveraged([odd(), 2])
    case 39: return x.batchNormalized(y, z).output
    case 40: return [x.exp(), x.log(), x.abs(), x.relu(), x.tanh(), x.sign(), x.clamped(-1, 1), x.pow(2)][next(8)]
    case 41: return x.to([.float32, .float64, .int64, .uint8, .bool][next(5)])
    case 42:
      let copy = x.copy()
      copy[odd()] = y
      return copy
    case 43: return x.flattened().droppedOut(0.5)
    default: return everyday(x, y, z)
    }
  }

  private mutating func everyday(_ x: Tensor, _ y: Tensor, _ z: Tensor) -> Tensor {
    switch next(36) {
    case 0: return x.variance([odd(), odd()])
    case 1: return x.standardDeviation(odd())
    case 2: return x.sorted(odd(), descending: true).values
    case 3: return x.topk(odd(), axis: odd()).values
    case 4: return x % y
    case 5: return x.floorDivided(by: y)
    case 6: return x & y
    case 7: return ~x
    case 8: return x[y]
    case 9: return x.maskedFill(y, 2)
    case 10: return x.scattered(y, z, axis: odd())
    case 11: return x.scatterAdded(y, z, axis: odd())
    case 12: return x.flipped([odd(), odd()])
    case 13: return x.rolled(odd(), axis: next(2) == 0 ? odd() : nil)
    case 14: return x.tiled([next(3), next(40) == 0 ? .max : next(3)])
    case 15: return x.repeatInterleave(next(40) == 0 ? .max : next(4) - 1, axis: odd())
    case 16: return x.repeatInterleave([odd(), odd()], axis: odd())
    case 17: return next(2) == 0 ? x.tril(odd()) : x.triu(odd())
    case 18: return x.padded([next(5) - 2, next(5) - 2, next(40) == 0 ? .min : next(4) - 1, next(4) - 1])
    case 19: return x.padded([next(4) - 1, next(4) - 1], [.reflect, .replicate, .circular][next(3)])
    case 20: return x.split(odd(), axis: odd())[0]
    case 21: return x.split([odd(), odd()], axis: odd())[1]
    case 22: return x.chunk(odd(), axis: odd())[0]
    case 23: return x.outer(y)
    case 24: return Tensor.einsum(["ij,jk->ik", "...i,...i", "ii", "ab,bc->...", "a...->a", "ij,kj"][next(6)], x, y)
    case 25: return Tensor.einsum(["ij->ji", "...ii->...i", "->", "a.b", ">", "aab->b"][next(6)], x)
    case 26: return x.cumulativeProduct(odd())
    case 27: return x.norm(order: Double(odd()), [odd()])
    case 28:
      return x.transposeConvolved(
        y, stride: [odd(), 1], padding: [odd(), 0], outputPadding: [0, odd()], groups: odd())
    case 29: return x.maxPooled([odd(), 2], stride: [2, odd()], padding: [odd(), 0], ceilMode: true)
    case 30: return x.averagePooled([2, odd()], padding: [odd(), 0], ceilMode: true, countingPadding: next(2) == 0)
    case 31: return x.convolved1D(y, stride: odd()).adaptiveMaxPooled1D(odd())
    case 32: return x.crossEntropy(y, weights: next(2) == 0 ? z : nil, ignoredIndex: odd(), labelSmoothing: 0.1)
    case 33: return x.binaryCrossEntropy(y)
    case 34:
      let copy = x.copy()
      copy[y] = z
      return copy
    default:
      return [x.any(), x.all([odd()]), x.isnan(), x.isfinite(), x.erf(), x.softplus(), x.round(), x.nonzero()][next(8)]
    }
  }
}
