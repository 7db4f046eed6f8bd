import Networks
import Testing

@testable import Tensors
@testable import TestSupport

@Suite("Activations that are computed again come to the same bits")
struct CheckpointingTests {
  /// As it is, and not kept.
  typealias Wrapper = @Sendable (@escaping () -> Tensor) -> Tensor
  private static let wrappers: [Wrapper] = [{ $0() }, { checkpointed($0) }]

  /// A network with a part that may be a segment, and the leaves whose gradients count.
  struct Pass: Sendable, CustomTestStringConvertible {
    let name: String
    fileprivate let make: @Sendable () -> (leaves: [Tensor], pass: (@escaping Wrapper) -> Tensor)
    var testDescription: String { name }
  }

  private static func leaf(_ shape: Shape, _ layer: Int = 0) -> Tensor {
    .normal(shape, key: RandomKey(seed: 3, layer: layer)).requiringGradient()
  }

  static let passes: [Pass] = [
    Pass(name: "an input and a weight that are used within, after and twice") {
      let (x, w) = (leaf([4, 3]), leaf([3, 3], 1))
      return (
        [x, w],
        { wrap in
          let begun = x.matmul(w)
          let middle = wrap { (begun.matmul(w).tanh() + begun * begun).matmul(w) }
          return (middle.matmul(w) + begun).exp() * 0.1
        }
      )
    },
    Pass(name: "an input without gradient") {
      let w = leaf([3, 3])
      let x = Tensor.normal([4, 3], key: RandomKey(seed: 4))
      return ([w], { wrap in wrap { x.matmul(w).sigmoid() }.matmul(w) })
    },
    Pass(name: "dropout, and numbers without a key") {
      let x = leaf([6, 5])
      return (
        [x],
        { wrap in
          let middle = wrap {
            (x.droppedOut(0.5) * Tensor.uniform([5])).tanh().droppedOut(0.2) + Tensor.uniform(like: x)
          }
          return (middle * x).droppedOut(0.5)
        }
      )
    },
    Pass(name: "convolution and normalisation, which owe their results") {
      let (x, block) = (leaf([3, 2, 6, 6]), Sequential(Conv2D(2, 4, kernel: 3), BatchNorm2D(4), ReLU(), MaxPool2D(2)))
      block.initializeAll(seed: 5)
      let after = Conv2D(4, 3, kernel: 2)
      after.initializeAll(seed: 6)
      return (
        [x] + block.namedParameters.map(\.tensor) + after.namedParameters.map(\.tensor),
        { wrap in after(wrap { block(x) * 2 }).relu() }
      )
    },
    Pass(name: "a ReLU behind what is owed on either side of the border") {
      let (x, first, second) = (leaf([2, 2, 5, 5]), Conv2D(2, 3, kernel: 3), Conv2D(3, 2, kernel: 2))
      for (layer, seed) in [(first, UInt64(7)), (second, 8)] { layer.initializeAll(seed: seed) }
      return (
        [x, first.weight, second.weight],
        { wrap in
          let owed = first(x)
          return wrap { second(owed.relu()) }.relu()
        }
      )
    },
    Pass(name: "a recurrent layer") {
      let (x, layer) = (leaf([4, 4, 3]), Recurrent(.lstm, 3, 4, layers: 2, dropout: 0.3))
      layer.initializeAll(seed: 9)
      return ([x] + layer.namedParameters.map(\.tensor), { wrap in wrap { layer(x) }.tanh() })
    },
    Pass(name: "segments in a segment") {
      let (x, w) = (leaf([4, 3]), leaf([3, 3], 1))
      return (
        [x, w],
        { wrap in
          wrap {
            let inner = wrap { x.matmul(w).droppedOut(0.3).tanh() }
            return wrap { wrap { inner.matmul(w).droppedOut(0.3) } + x } * inner
          }
        }
      )
    },
    Pass(name: "what came in goes out") {
      let x = leaf([3])
      return ([x], { wrap in wrap { x } * wrap { x.exp() } * wrap { Tensor.ones([3]) } })
    },
  ]

  @Test("Values and gradients", arguments: passes)
  func sameBits(_ pass: Pass) throws {
    let found = try Self.wrappers.map { wrap in
      let (leaves, compute) = pass.make()
      return try ForwardScope.run(seed: 1, time: 2, samples: Array(0..<6), globalCount: 12) {
        let samples = leaves[0].shape[0]
        let output = ForwardScope.run(seed: 1, time: 2, samples: Array(0..<samples)) { compute(wrap) }
        // Backward goes on outside of the scope, as in a training.
        try (output * output).sum().backward()
        return try [bits(output)] + leaves.map { try bits(#require($0.gradient)) }
      }
    }
    #expect(found[0] == found[1] && found[0].dropFirst().contains { $0.contains { $0 != 0 } })
  }

  @Test("Several results, each used or not")
  func severalResults() throws {
    let w = Self.leaf([3, 3])
    func gradient(_ isKept: Bool, _ used: Set<Int>) throws -> [UInt32]? {
      w.gradient = nil
      let body = {
        let first = w.tanh()
        return [first, first.matmul(w), Tensor([Int32(1)])]
      }
      let results = isKept ? body() : checkpointed(body)
      #expect(results.count == 3 && results[2].dtype == .int32)
      try used.sorted().map { results[$0] * results[$0] }.reduce(w * 1, +).sum().backward()
      return try w.gradient.map(bits)
    }
    for used: Set<Int> in [[0], [1], [0, 1], []] {
      #expect(try gradient(true, used) == gradient(false, used), "\(used)")
    }
  }

  @Test("Nothing of a segment is kept, and it is computed twice; not where nothing is recorded")
  func nothingIsKept() throws {
    let x = Self.leaf([8])
    var calls = 0
    weak var inside: Storage?
    let body = { () -> Tensor in
      calls += 1
      let power = x.exp()
      inside = power.storage
      return (power * power).tanh()
    }
    let kept = body()
    #expect(inside != nil)
    withExtendedLifetime(kept) {}
    let result = checkpointed(body)
    #expect(inside == nil && calls == 2)
    try result.sum().backward(keepingGraph: true)
    #expect(inside == nil && calls == 3)
    let once = try bits(#require(x.gradient))
    x.gradient = nil
    try result.sum().backward()
    #expect(try bits(#require(x.gradient)) == once)
    _ = withoutGradient { checkpointed(body) }
    #expect(calls == 5)
  }

  @Test("Operands that backward does not read are not kept")
  func operandsAreNotKept() throws {
    let (x, other) = (Self.leaf([4, 4]), Self.leaf([4, 4], 1))
    let operations: [(String, (Tensor) -> Tensor)] = [
      ("+", { $0 + other }), ("-", { $0 - other }), ("by a constant", { $0 * 3 }), ("dropout", { $0.droppedOut(0.5) }),
      ("softmax", { $0.softmax() }), ("relu", { $0.relu() }), ("concatenate", { .concatenate([$0, other]) }),
      ("sum", { $0.sum() }), ("where", { $0.chosen(where: .ones([4, 4], .bool), else: other) }),
    ]
    for (name, operation) in operations {
      weak var operand: Storage?
      let result = {
        let inner = x.exp() * 2
        operand = inner.storage
        return operation(inner)
      }()
      #expect(operand == nil, "\(name)")
      try result.sum().backward()
    }
  }

  @Test("Faults within a segment come out; so does a value that was changed, and a body that computes something else")
  func faults() throws {
    let x = Self.leaf([3])
    func error(_ pass: () throws -> Void) -> String? {
      #expect(throws: TensorError.self) { try pass() }.map { "\($0)" }
    }
    let wrong = error { try checkpointed { x + Tensor.ones([4]) }.sum().backward() }
    #expect(wrong == error { try (x + Tensor.ones([4])).sum().backward() })
    let result = checkpointed { x.exp() }
    withoutGradient { x.fill(2) }
    #expect(error { try result.sum().backward() }?.contains("changed in place") == true)
    var (passes, later) = (0, Self.leaf([3], 1))
    func odd(_ second: @escaping () -> Tensor) -> Tensor {
      passes = 0
      return checkpointed {
        passes += 1
        return passes == 1 ? x.exp() : second()
      }
    }
    for second in [{ Tensor.ones([2]) }, { x * later }, { x.exp() + Tensor.ones([2]) }] {
      #expect(error { try odd(second).sum().backward() } != nil)
    }
    later = Tensor.ones([3])
    try odd { x * later }.sum().backward()
  }

  @Test("Running statistics see a batch once")
  func runningStatistics() throws {
    func state(_ isKept: Bool) throws -> [[Float]] {
      let net = Sequential(Sequential(Conv2D(1, 2, kernel: 3), BatchNorm2D(2), ReLU()), MaxPool2D(2), BatchNorm2D(2))
      net.initializeAll(seed: 1)
      if !isKept { net.checkpointActivations() }
      for step in 0..<2 {
        try net(.normal([4, 1, 6, 6], key: RandomKey(seed: 2, layer: step))).sum().backward()
      }
      return try net.namedBuffers.map { try $0.tensor.floats() }
    }
    let kept = try state(true)
    #expect(try state(false) == kept && kept.last == [2])
  }

  /// Notes how often it was called.
  private final class Counter: Module {
    var calls = 0
    let inner = Linear(3, 3)
    override func forward(_ input: Tensor) -> Tensor {
      calls += 1
      return inner(input).tanh()
    }
  }

  private final class Stack: Module {
    let blocks = (0..<3).map { _ in Counter() }
    let head = Linear(3, 1)
    override func forward(_ input: Tensor) -> Tensor { head(blocks.reduce(input) { $1($0) }) }
  }

  @Test("Block by block, as a model's own forward pass has it")
  func blockByBlock() throws {
    let x = Self.leaf([2, 3])
    let stack = Stack()
    stack.initializeAll(seed: 1)
    let blocks = stack.blocks
    var hidden = x
    for block in blocks { hidden = checkpointed { [hidden] in block(hidden) } }
    try hidden.sum().backward()
    let gradient = try bits(#require(x.gradient))
    #expect(blocks.map(\.calls) == [2, 2, 2])
    x.gradient = nil
    try blocks.reduce(x) { $1($0) }.sum().backward()
    #expect(try bits(#require(x.gradient)) == gradient && gradient.contains { $0 != 0 })
  }

  @Test("The blocks of a stack and of a Sequential are segments, but for the last of a Sequential")
  func pieces() throws {
    let x = Self.leaf([2, 3])
    let (stack, net) = (Stack(), Sequential(Counter(), Sequential(Counter(), Tanh()), Counter()))
    stack.checkpointActivations()
    net.checkpointActivations()
    let ofNet = [net[0], (net[1] as? Sequential)?[0], net[2]].compactMap { $0 as? Counter }
    for (model, blocks, calls) in [(stack as Module, stack.blocks, [2, 2, 2]), (net, ofNet, [2, 2, 1])] {
      try model(x).sum().backward()
      #expect(blocks.map(\.calls) == calls)
      model.checkpointActivations(false)
      try model(x).sum().backward()
      #expect(blocks.map(\.calls) == calls.map { $0 + 1 })
    }
  }
}
