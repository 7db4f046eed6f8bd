import Synchronization

/// Weights as kernels like them, in panels or transformed: made at the first use and kept as long as the weights are, good
/// until somebody changes those.
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

  private final class Block: @unchecked Sendable {
    let memory: Floats
    /// Held while the memory is filled in: nobody reads half of it.
    let isGood = Mutex(false)

    /// Aligned as the processor's cache lines.
    init(_ count: Int) {
      memory = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * MemoryLayout<Float>.stride, alignment: 64)
        .assumingMemoryBound(to: Float.self)
    }

    deinit { memory.deallocate() }
  }
  private let blocks = Mutex<[Form: Block]>([:])

  /// Nothing yet.
  public init() {}

  /// The weights have changed: what was made of them must be made again, in the same memory.
  public func expire() {
    blocks.withLock { blocks in for block in blocks.values { block.isGood.withLock { $0 = false } } }
  }

  /// The weights in a form of `count` floats that `make` fills in if need be.
  func form(_ form: Form, count: Int, make: (Floats) -> Void) -> ConstantFloats {
    let block = blocks.withLock { blocks in
      let block = blocks[form] ?? Block(count)
      blocks[form] = block
      return block
    }
    block.isGood.withLock { isGood in
      if !isGood { make(block.memory) }
      isGood = true
    }
    return ConstantFloats(block.memory)
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
