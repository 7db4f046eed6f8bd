import Datasets
import MessagePassing
import Networks
import Tensors

/// Cross-entropy of each next token; the perplexity is `exp` of its mean. States are carried from step to step where the
/// data set's samples go on, but no gradient goes through them.
public struct LanguageModelling: Objective {
  public let memory: SequenceMemory?

  /// With a memory of its own: two trainings never share one.
  public init() { memory = SequenceMemory() }

  public func measures(of totals: Totals) -> [Measure] {
    [Measure("loss", totals.meanLoss), Measure("perplexity", totals.perplexity)]
  }

  public var unit: String { "tokens" }

  /// Logits of the tokens, step by step.
  public func outputs(of model: Module, on batch: Batch) throws -> Tensor {
    guard let model = model as? LanguageModel else {
      throw TensorError("language modelling", "\(type(of: model)) is no LanguageModel")
    }
    let state = try batch.continuation.flatMap { try memory?.state(of: $0, model.rnn) }
    let (logits, last) = model.run(batch.inputs, from: state)
    if let continuation = batch.continuation { try memory?.keep(last, of: continuation) }
    return logits
  }

  public func loss(of logits: Tensor, on batch: Batch) throws -> (sum: Tensor, totals: Totals) {
    let targets = batch.targets.transposed().reshaped([-1])
    let loss = crossEntropy(logits, targets, reduction: .sum)
    return (loss, Totals(sums, [try loss.item(), Double(targets.elementCount)]))
  }
}

/// The states of the rows of a text that this rank reads. A row stays with its rank, and a checkpoint keeps all rows, so
/// that any number of ranks can go on in the middle of an epoch.
///
/// Used by the training's thread alone.
public final class SequenceMemory: @unchecked Sendable {
  /// By row: `[layers · directions · hidden]`, the cell states behind the hidden ones.
  private var states: [Int: [Float]] = [:]
  /// Of the rows that are this rank's; others may lie here after a restore, which knows nothing of ranks.
  private var ownRows: Set<Int> = []

  /// No states yet.
  public init() {}

  /// The rows' states side by side; nil at the start of an epoch, and for a bidirectional network, whose state after a
  /// sequence is none of the next one's.
  func state(of continuation: Continuation, _ rnn: Recurrent) throws -> RecurrentState? {
    if continuation.isStart { return nil }
    let width = rnn.hidden
    let count = rnn.layers * rnn.directions
    let isLSTM = rnn.cell == .lstm
    let rows = try continuation.rows.map { row in
      guard let state = states[row], state.count == (isLSTM ? 2 : 1) * count * width else {
        throw TensorError("language modelling", "row \(row) has no state to go on from")
      }
      return state
    }
    func part(_ first: Int) throws -> Tensor {
      var values: [Float] = []
      for index in first..<first + count { for row in rows { values += row[index * width..<(index + 1) * width] } }
      return Tensor(values, shape: [count, rows.count, width])
    }
    return RecurrentState(hidden: try part(0), cell: isLSTM ? try part(count) : nil)
  }

  func keep(_ state: RecurrentState, of continuation: Continuation) throws {
    let parts = try [state.hidden, state.cell].compactMap { $0 }.map { try $0.detached().floats() }
    let (count, batch, width) = (state.hidden.shape[0], state.hidden.shape[1], state.hidden.shape[2])
    for (place, row) in continuation.rows.enumerated() {
      var values: [Float] = []
      for part in parts {
        for index in 0..<count {
          let start = (index * batch + place) * width
          values += part[start..<start + width]
        }
      }
      states[row] = values
      ownRows.insert(row)
    }
  }

  /// This rank's rows; before the first step after a restore, all of them.
  var carried: CarriedRows {
    let rows = ownRows.isEmpty ? Set(states.keys) : ownRows
    return CarriedRows(isOwn: !ownRows.isEmpty, rows: rows.sorted().map { [Float($0)] + (states[$0] ?? []) })
  }

  /// Every rank's rows as one tensor `[rows, 1 + width]`, each row once; nil where there is none. A rank without a row of
  /// its own has nothing but restored ones, which are older than those of the ranks that do.
  static func merged(_ ranks: [CarriedRows]) throws -> Tensor? {
    let sources = ranks.contains(where: \.isOwn) ? ranks.filter(\.isOwn) : ranks
    let rows = Dictionary(sources.flatMap(\.rows).map { ($0[0], $0) }) { first, _ in first }
    guard let width = rows.values.first?.count else { return nil }
    return Tensor(rows.sorted { $0.key < $1.key }.flatMap(\.value), shape: [rows.count, width])
  }

  func restore(_ rows: Tensor) throws {
    (states, ownRows) = ([:], [])
    guard rows.rank == 2, rows.shape[1] > 1 else { return }
    let (values, width) = (try rows.floats(), rows.shape[1])
    for start in stride(from: 0, to: values.count, by: width) {
      states[Int(Int64(converting: Double(values[start])))] = Array(values[start + 1..<start + width])
    }
  }
}

/// A rank's rows with their states, each behind its number.
struct CarriedRows: Packable {
  /// Whether the rank has carried them on itself.
  let isOwn: Bool
  let rows: [[Float]]

  init(isOwn: Bool, rows: [[Float]]) { (self.isOwn, self.rows) = (isOwn, rows) }

  func pack(into packet: inout Packet) {
    packet.pack(isOwn ? 1 : 0)
    packet.pack(rows)
  }
  init(from packet: inout Packet) throws {
    isOwn = try packet.unpack(Int.self) == 1
    rows = try packet.unpack()
  }
}
