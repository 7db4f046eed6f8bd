/// The recurrent half of a recurrent layer: what each step makes of the step before. The inputs' share of all steps,
/// `[steps, batch, gates · hidden]`, is one matrix product and made beforehand.
///
/// Everything lies in row-major order of `[steps, batch, …]`; gates are in PyTorch's order. Steps go from the last to the
/// first where `isReversed`.
public struct Recurrence: Sendable {
  /// What a step makes of its inputs' share `a` and the state before, `h'` and `c'`.
  public enum Cell: String, Sendable, CaseIterable {
    /// `h = tanh(a)`.
    case elman
    /// Gates r, z, n: `h = (1 - z) n + z h'` (Cho et al. 2014).
    case gru
    /// Gates i, f, g, o: `c = f c' + i g`, `h = o tanh c` (Hochreiter and Schmidhuber 1997).
    case lstm

    /// Parts of the inputs' share, each as wide as the state.
    public var gateCount: Int {
      switch self {
      case .elman: 1
      case .gru: 3
      case .lstm: 4
      }
    }
  }

  /// What each step computes.
  public let cell: Cell
  /// Steps of a sequence, sequences side by side, and numbers of a state.
  public let steps, batch, hidden: Int
  /// Whether steps are computed from the last to the first.
  public let isReversed: Bool

  /// One layer in one direction.
  public init(_ cell: Cell, steps: Int, batch: Int, hidden: Int, isReversed: Bool) {
    (self.cell, self.steps, self.batch, self.hidden) = (cell, steps, batch, hidden)
    self.isReversed = isReversed
  }

  /// Elements of one step's state, and of one step's gates.
  var stateCount: Int { batch * hidden }
  var gatesCount: Int { cell.gateCount * stateCount }
  var gateWidth: Int { cell.gateCount * hidden }

  /// How many elements `memory` needs: what backward reads again.
  public var memoryCount: Int {
    switch cell {
    case .elman: 0
    case .gru: 4 * steps * stateCount
    case .lstm: 6 * steps * stateCount
    }
  }

  /// The step of the data that is computed `index`-th.
  func step(_ index: Int) -> Int { isReversed ? steps - 1 - index : index }

  /// Weights and the state before the first step.
  public struct Inputs {
    /// `[gates · hidden, hidden]`.
    public let weight: UnsafePointer<Float>
    /// `[gates · hidden]`, added to the product with `weight`; nil where it is already in the inputs' share.
    public let bias: UnsafePointer<Float>?
    /// `[batch, hidden]`; nil for zeros.
    public let hidden, cell: UnsafePointer<Float>?
    /// Where backends may keep what they make of `weight`.
    public let packed: PackedWeights?

    /// Of memory that lives as long as the call.
    public init(
      weight: UnsafePointer<Float>, packed: PackedWeights? = nil, bias: UnsafePointer<Float>?,
      hidden: UnsafePointer<Float>?,
      cell: UnsafePointer<Float>?
    ) {
      (self.weight, self.packed, self.bias, self.hidden, self.cell) = (weight, packed, bias, hidden, cell)
    }
  }

  /// Where backward writes; `[steps, batch, gates · hidden]` and `[batch, hidden]`.
  public struct Derivatives {
    /// Of the inputs' share.
    public let gates: Floats
    /// Of the products with the weight: a GRU's differ from `gates`, the others' are the same memory.
    public let products: Floats
    /// Of the state before the first step.
    public let hidden, cell: Floats

    /// Of memory that is overwritten. For all cells but a GRU `gates` and `products` are the same.
    public init(gates: Floats, products: Floats, hidden: Floats, cell: Floats) {
      (self.gates, self.products, self.hidden, self.cell) = (gates, products, hidden, cell)
    }
  }
}
