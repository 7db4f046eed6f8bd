import Synchronization

/// Weights as kernels like them, in panels or transformed: kept where they are used again before somebody changes them.
public final class PackedWeights: @unchecked Sendable {
  /// Which of the ways to lay them.
  struct Form: Hashable {
    let instructions: InstructionSet
    let kind: Kind
    /// What the way depends on: where the weights begin, extents, and strides.
    let extents: [Int]
    /// Whether it is of bf16 in pairs.
    var isHalf = false

    enum Kind { case factor, turnedFactor, convolution, convolutionGradient, winograd, winogradGradient }
  }

  /// A training pass uses a form once before its weights change, and once more where activations are computed again.
  private static let unkeptUses = 2

  /// One form. What is used no more often than that lies in scratch memory meanwhile, as kept it would take as much as the weights.
  private final class Kept: Sendable {
    struct State: ~Copyable {
      var block: Block?
      /// Since the last change.
      var uses = 0
      /// Whether there were more than `unkeptUses` before that.
      var isReused = false
    }
    /// Held while memory is filled in: nobody reads half of it.
    let state = Mutex(State())
  }

  private final class Block: @unchecked Sendable {
    private let block: PooledBlock
    var memory: Floats { block.memory.assumingMemoryBound(to: Float.self) }

    init(_ count: Int) { block = PooledBlock(max(count, 1) * MemoryLayout<Float>.stride) }
  }
  private let forms = Mutex<[Form: Kept]>([:])

  /// Nothing yet.
  public init() {}

  /// The weights have changed: what was made of them must be made again.
  public func expire() {
    forms.withLock { forms in
      for kept in forms.values {
        kept.state.withLock { $0 = Kept.State(isReused: $0.uses > Self.unkeptUses) }
      }
    }
  }

  /// Calls `body` with the weights in a form of `count` floats that `make` fills in if need be.
  func with<Outcome>(
    _ form: Form, count: Int, make: (Floats) -> Void, _ body: (ConstantFloats) throws -> Outcome
  ) rethrows -> Outcome {
    let kept = forms.withLock { forms in
      let kept = forms[form] ?? Kept()
      forms[form] = kept
      return kept
    }
    let block = kept.state.withLock { state -> Block? in
      state.uses += 1
      guard state.isReused || state.uses > Self.unkeptUses else { return nil }
      if let block = state.block { return block }
      let block = Block(count)
      make(block.memory)
      state.block = block
      return block
    }
    if let block { return try withExtendedLifetime(block) { try body(ConstantFloats(block.memory)) } }
    return try ScratchMemory.floats(count) {
      make($0)
      return try body(ConstantFloats($0))
    }
  }
}

/// Weights of a convolution, row-major.
public struct Weights {
  /// `[outChannels, inChannels / groups, kernelHeight, kernelWidth]`.
  public let data: ConstantFloats
  /// Where backends may keep what they make of them; nil for weights that are used once.
  public let packed: PackedWeights?

  /// Of memory that lives as long as the call.
  public init(_ data: ConstantFloats, packed: PackedWeights? = nil) { (self.data, self.packed) = (data, packed) }
}
