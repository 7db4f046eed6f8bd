import Kernels
import Tensors

/// What a recurrent network hands from one step to the next: `[layers · directions, batch, hidden]` each.
public struct RecurrentState {
  /// `[layers · directions, batch, hidden]`.
  public let hidden: Tensor
  /// Of LSTMs.
  public let cell: Tensor?

  /// A state to begin with.
  public init(hidden: Tensor, cell: Tensor? = nil) { (self.hidden, self.cell) = (hidden, cell) }

  /// The same numbers without the graph that made them.
  public func detached() -> RecurrentState { RecurrentState(hidden: hidden.detached(), cell: cell?.detached()) }
}

/// Layers of an RNN, GRU or LSTM over whole sequences, `[steps, batch, inputs]` to `[steps, batch, directions · hidden]`;
/// integers `[steps, batch]` stand for one-hot inputs. Parameter names, equations and the order of gates are PyTorch's.
public final class Recurrent: Module {
  /// What computes a step.
  public typealias Cell = Recurrence.Cell

  /// What computes a step.
  public let cell: Cell
  /// Width of the input, units of a layer in each direction, and layers on top of each other.
  public let inputs, hidden, layers: Int
  /// Whether each layer goes through the sequence backwards, too.
  public let isBidirectional: Bool
  /// Of the outputs between two layers, while training.
  public let dropout: Double
  /// Nil for PyTorch's, uniform in ±1 / √hidden.
  public let weightInitializer: Initializer?
  /// Of each layer and direction, four.
  private let weights: [Parameter]

  /// A cell, the inputs' width and the hidden units.
  public init(
    _ cell: Cell, _ inputs: Int, _ hidden: Int, layers: Int = 1, isBidirectional: Bool = false, dropout: Double = 0,
    weights initializer: Initializer? = nil
  ) {
    (self.cell, self.inputs, self.hidden, self.layers) = (cell, inputs, hidden, layers)
    (self.isBidirectional, self.dropout, weightInitializer) = (isBidirectional, dropout, initializer)
    let directions = isBidirectional ? 2 : 1
    let rows = cell.gateCount * hidden
    weights = (0..<layers * directions).flatMap { index in
      let suffix = "_l\(index / directions)" + (index % directions == 1 ? "_reverse" : "")
      return [
        Tensor.parameter(
          [rows, index < directions ? inputs : directions * hidden], named: "weight_ih" + suffix),
        .parameter([rows, hidden], named: "weight_hh" + suffix), .parameter([rows], named: "bias_ih" + suffix),
        .parameter([rows], named: "bias_hh" + suffix),
      ]
    }
    super.init()
    initialize(StandaloneKey.next())
  }

  /// 2 where layers are bidirectional, else 1.
  public var directions: Int { isBidirectional ? 2 : 1 }

  public override func initialize(_ key: RandomKey) {
    let bound = 1 / Double(max(hidden, 1)).squareRoot()
    for (index, tensor) in weights.enumerated() {
      var key = key
      // Layers of a network are 16 apart; the time tells those beyond apart.
      (key.layer, key.time) = (key.layer + index % 16, key.time + index / 16)
      let initializer = tensor.rank == 2 ? weightInitializer : nil
      (initializer ?? .uniform(-bound, bound)).fill(tensor, key: key)
    }
  }

  /// Of a layer and direction.
  private func weights(of index: Int) -> RecurrentWeights {
    let four = weights[4 * index..<4 * index + 4].map { $0 }
    return RecurrentWeights(input: four[0], hidden: four[1], inputBias: four[2], hiddenBias: four[3])
  }

  public override func forward(_ input: Tensor) -> Tensor { run(input).outputs }

  /// The outputs of the last layer, and the state after the last step of each layer and direction.
  public func run(_ input: Tensor, from state: RecurrentState? = nil) -> (outputs: Tensor, state: RecurrentState) {
    LayerWatch.within(self, output: \.outputs) { compute(input, from: state) }
  }

  private func compute(_ input: Tensor, from state: RecurrentState?) -> (outputs: Tensor, state: RecurrentState) {
    var value = input
    var (hiddens, cells): ([Tensor], [Tensor]) = ([], [])
    for layer in 0..<layers {
      if layer > 0 && dropout > 0 && isTraining {
        value = value.transposed(0, 1).droppedOut(dropout).transposed(0, 1)
      }
      var outputs: [Tensor] = []
      for direction in 0..<directions {
        let index = layer * directions + direction
        let (output, cell) = value.recurrent(
          cell, weights(of: index), state: state?.hidden[index], cellState: state?.cell?[index],
          isReversed: direction == 1)
        outputs.append(output)
        hiddens.append(output[direction == 1 ? 0 : -1])
        if let cell { cells.append(cell) }
      }
      value = directions == 1 ? outputs[0] : Tensor.concatenate(outputs, axis: 2)
    }
    let last = RecurrentState(
      hidden: Tensor.stack(hiddens), cell: cells.isEmpty ? nil : Tensor.stack(cells))
    return (value, last)
  }
}
