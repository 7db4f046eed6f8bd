import Lockstep
import Testing

@testable import DataParallel
@testable import MessagePassing
@testable import TestSupport

/// Gradients that lose bits on their way, between processes and threads. Runs on one process under `swift test` and on 1, 2, 3
/// and 4 ranks under `launch/test-ranks`.
@Suite(.serialized) struct CompressionRanksTests {
  fileprivate static let lossy: [Compression] = [.bf16, .int8, .powersgd]

  /// Layers as a network has them: matrices, kernels, biases; of sizes that nothing divides.
  fileprivate static func parameters() -> [Tensor] {
    [Shape([40, 31]), [31], [12, 3, 5, 5], [12], [3, 2], [50, 30]].map { Tensor.zeros($0).requiringGradient() }
  }

  fileprivate static func fill(_ parameters: [Tensor], rank: Int, step: Int) {
    for (index, parameter) in parameters.enumerated() {
      let key = RandomKey(seed: UInt64(rank), layer: index, time: step)
      parameter.gradient = Tensor.normal(parameter.shape, key: key)
    }
  }

  fileprivate static func reducer(_ compression: Compression, _ parameters: [Tensor], _ communicator: Communicator)
    throws
    -> any Reducer
  {
    switch compression {
    // Several buckets, of one tensor and of more.
    case .bf16: try CodedReducer(parameters, over: communicator, code: BF16Code(), bucketBytes: 8000)
    case .int8: try CodedReducer(parameters, over: communicator, code: Int8Code(), bucketBytes: 8000)
    default: try PowerSGDReducer(parameters, over: communicator, rank: 2)
    }
  }

  fileprivate static func reduce(_ reducer: any Reducer, _ parameters: [Tensor], order: [Int]) throws {
    try reducer.begin(parameters)
    for index in order { try reducer.gradientReady(parameters[index]) }
    try reducer.complete()
    try reducer.finish()
  }

  /// What was applied, and what is left on all ranks, are all gradients together; every rank applies the same bits, and
  /// biases come through exactly.
  @Test(arguments: lossy) func nothingIsLostBetweenProcesses(_ compression: Compression) throws {
    try Self.expectNothingLost(compression, on: Ranks.duplicate())
  }

  fileprivate static func expectNothingLost(_ compression: Compression, on communicator: Communicator) throws {
    let (parameters, steps) = (Self.parameters(), 6)
    let reducer = try reducer(compression, parameters, communicator)
    var applied = parameters.map { [Double](repeating: 0, count: $0.elementCount) }
    var wanted = applied
    for step in 0..<steps {
      for rank in 0..<communicator.size {
        fill(parameters, rank: rank, step: step)
        for (index, parameter) in parameters.enumerated() {
          wanted[index] = try zip(wanted[index], parameter.gradient?.floats() ?? []).map { $0 + Double($1) }
        }
      }
      fill(parameters, rank: communicator.rank, step: step)
      // Ranks finish in different orders; the first one's last gradients never come.
      let order = (0..<parameters.count).map { ($0 + communicator.rank) % parameters.count }
      try reduce(reducer, parameters, order: communicator.isRoot ? Array(order.dropLast(2)) : order)
      for (index, parameter) in parameters.enumerated() {
        let gradient = try #require(parameter.gradient)
        #expect(gradient.shape == parameter.shape)
        applied[index] = try zip(applied[index], gradient.floats()).map { $0 + Double($1) }
      }
      let answer = try parameters.map { try bits($0.gradient ?? $0).description }.joined()
      #expect(Set(try communicator.everyRanks(answer)).count == 1)
    }
    try reducer.begin(parameters)
    let left = (reducer as? CodedReducer)?.carried ?? (reducer as? PowerSGDReducer)?.carried ?? [:]
    #expect(left.count == (compression == .powersgd ? 3 : 4))
    for (index, parameter) in parameters.enumerated() {
      let own = left[ObjectIdentifier(parameter)]?.map(Double.init)
      let rest = try communicator.allReduce(own ?? [Double](repeating: 0, count: parameter.elementCount))
      let total = zip(applied[index], rest).map { $0 + $1 }
      #expect(zip(total, wanted[index]).allSatisfy { abs($0 - $1) < 2e-4 }, "\(parameter.shape)")
      // Something was left out, of matrices alone.
      #expect((own != nil) == (rest.contains { $0 != 0 }))
    }
  }

  /// Of a sum of few directions nothing is lost, once they are found; and the power method finds the strongest ones.
  @Test func matricesOfLowRankComeThrough() throws {
    let communicator = try Ranks.duplicate()
    let parameter = Tensor.zeros([20, 30]).requiringGradient()
    let reducer = try PowerSGDReducer([parameter], over: communicator, rank: 2)
    let columns = Tensor.normal([20, 2], key: RandomKey(seed: 1))
    let matrix = columns.matmul(Tensor.normal([2, 30], key: RandomKey(seed: 2)))
    for _ in 0..<2 {
      parameter.gradient = matrix * Double(communicator.rank + 1)
      try Self.reduce(reducer, [parameter], order: [0])
      let sum = Double(communicator.size * (communicator.size + 1) / 2)
      let found = try #require(parameter.gradient)
      let difference = try (found - matrix * sum).abs().max().item()
      #expect(difference < 1e-3)
    }
    // No gradient is one, too: directions that are gone come back.
    parameter.gradient = nil
    try Self.reduce(reducer, [parameter], order: [])
    try Self.reduce(reducer, [parameter], order: [])
    parameter.gradient = matrix
    try Self.reduce(reducer, [parameter], order: [0])
    let back = try #require(parameter.gradient)
    #expect(try (back - matrix * Double(communicator.size)).abs().max().item() < 1e-3)
  }

  /// A number that is not finite comes through as such, and a step that is skipped for it leaves nothing behind.
  @Test(arguments: lossy) func oddNumbersComeThroughAndAreForgotten(_ compression: Compression) throws {
    let communicator = try Ranks.duplicate()
    func run(_ isDisturbed: Bool) throws -> [[UInt32]] {
      let parameters = Self.parameters()
      let reducer = try Self.reducer(compression, parameters, communicator)
      var results: [[UInt32]] = []
      for step in 0..<4 {
        if step == 2 && isDisturbed {
          for odd in [Float.nan, .infinity] {
            Self.fill(parameters, rank: communicator.rank, step: 9)
            if communicator.isRoot { try parameters[5].gradient?.withFloats { $0[1234] = odd } }
            try Self.reduce(reducer, parameters, order: [5, 0])
            #expect(try parameters[5].gradient?.isFinite() == false)
            reducer.skip()
          }
        }
        Self.fill(parameters, rank: communicator.rank, step: step)
        try Self.reduce(reducer, parameters, order: [0, 1, 2, 3, 4, 5])
        results += try parameters.map { try bits($0.gradient ?? $0) }
      }
      return results
    }
    #expect(try run(true) == run(false))
  }

  /// Layers that are frozen and freed again keep what they carry over where they are summed on.
  @Test(arguments: lossy) func otherTensorsInTheNextStep(_ compression: Compression) throws {
    let communicator = try Ranks.duplicate()
    let parameters = Self.parameters()
    let reducer = try Self.reducer(compression, parameters, communicator)
    Self.fill(parameters, rank: communicator.rank, step: 0)
    try Self.reduce(reducer, parameters, order: [0, 1, 2, 3, 4, 5])
    try reducer.begin(parameters)
    func carried() -> [ObjectIdentifier: [Float]] {
      (reducer as? CodedReducer)?.carried ?? (reducer as? PowerSGDReducer)?.carried ?? [:]
    }
    let (before, kept) = (carried(), [parameters[2], parameters[3], parameters[5]])
    try reducer.begin(kept)
    let after = carried()
    #expect(after.count == 2 && after.allSatisfy { before[$0.key] == $0.value && $0.value.contains { $0 != 0 } })
    Self.fill(kept, rank: communicator.rank, step: 1)
    try Self.reduce(reducer, kept, order: [2, 0])
    #expect(Set(try communicator.everyRanks("\(kept.map { try? $0.gradient?.floats() })")).count == 1)
  }

  @Test(arguments: lossy) func wholeNumbersAreRefused(_ compression: Compression) throws {
    let odd = Tensor([Int32(1), 2, 3, 4]).reshaped([2, 2])
    let text = message { _ = try compression.makeReducer([odd], over: .alone, rank: 1) }
    #expect(text == "reduce: gradients of int32 [2, 2] can't be compressed, but those of float32")
  }
}

/// The same between threads, which only one process needs to try.
@Suite struct CompressionTests {
  private typealias Steps = CompressionRanksTests

  @Test(arguments: [2, 3, 4], Steps.lossy) func nothingIsLostForGood(_ threads: Int, _ compression: Compression) throws
  {
    try SimulatedJob.run(ranks: threads) { try Steps.expectNothingLost(compression, on: $0) }
  }

  /// Bytes of a step and rank, beside those of float32 round a ring.
  @Test(arguments: [(Compression.bf16, 2.0), (.int8, 3.9), (.powersgd, 25)], [2, 3, 4])
  func fewerBytesTravel(_ wanted: (Compression, Double), _ threads: Int) throws {
    try SimulatedJob.run(ranks: threads) { hub in
      func bytes(_ compression: Compression) throws -> Int {
        let transport = CountingTransport(try hub.transport.duplicate())
        let communicator = try Communicator(transport, jobRank: hub.rank)
        let shapes: [Shape] = [[300, 200], [64, 16, 5, 5]]
        let parameters = shapes.map { Tensor.zeros($0).requiringGradient() }
        let reducer =
          try compression.makeReducer(parameters, over: communicator, rank: 2)
          ?? GradientReducer(parameters, over: communicator)
        Steps.fill(parameters, rank: hub.rank, step: 0)
        let before = transport.bytes
        try Steps.reduce(reducer, parameters, order: [0, 1])
        return transport.bytes - before
      }
      let (plain, fewer) = (try bytes(.none), try bytes(wanted.0))
      // Blocks do not divide by the ranks.
      #expect(Double(plain) / Double(fewer) > wanted.1 * 0.98)
    }
  }
}
