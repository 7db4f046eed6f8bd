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
    let model = try Self.sequenceModel(model)
    let state = try batch.continuation.flatMap { try memory?.state(of: $0, model) }
    let (logits, last) = model.run(batch.inputs, from: state)
    if let continuation = batch.continuation { try memory?.keep(last, of: continuation, model) }
    return logits
  }

  static func sequenceModel(_ model: Module) throws -> any SequenceModel {
    guard let model = model as? any SequenceModel else {
      throw TensorError("language modelling", "\(type(of: model)) is no SequenceModel")
    }
    return model
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
  /// By row: the numbers of its state, one tensor's behind the other's.
  private var states: [Int: [Float]] = [:]
  /// Of the rows that are this rank's; others may lie here after a restore, which knows nothing of ranks.
  private var ownRows: Set<Int> = []

  /// No states yet.
  public init() {}

  /// The rows' states side by side; nil at the start of an epoch.
  func state(of continuation: Continuation, _ model: some SequenceModel) throws -> [Tensor]? {
    if continuation.isStart { return nil }
    let rows = continuation.rows
    let shapes = Self.shapes(model, rows.count)
    if shapes.isEmpty { return nil }
    let width = shapes.reduce(0) { $0 + $1.elementCount } / max(rows.count, 1)
    let texts = try rows.map { row in
      guard let state = states[row], state.count == width else {
        throw TensorError("language modelling", "row \(row) has no state to go on from")
      }
      return state
    }
    var start = 0
    return shapes.map { shape in
      let (parts, width) = Self.cut(shape)
      var values: [Float] = []
      for part in 0..<parts { for text in texts { values += text[(start + part * width)...].prefix(width) } }
      start += parts * width
      return Tensor(values, shape: shape)
    }
  }

  func keep(_ state: [Tensor], of continuation: Continuation, _ model: some SequenceModel) throws {
    let (shapes, wanted) = (state.map(\.shape), Self.shapes(model, continuation.rows.count))
    if shapes.isEmpty && wanted.isEmpty { return }
    guard shapes == wanted, shapes.allSatisfy({ $0.rank > 1 && $0[1] == continuation.rows.count }) else {
      throw TensorError(
        "language modelling", "\(type(of: model)) leaves a state of \(shapes), but begins with \(wanted)")
    }
    let tensors = try state.map { (values: try $0.detached().floats(), cut: Self.cut($0.shape)) }
    for (place, row) in continuation.rows.enumerated() {
      var values: [Float] = []
      for (numbers, (parts, width)) in tensors {
        for part in 0..<parts { values += numbers[((part * continuation.rows.count + place) * width)...].prefix(width) }
      }
      states[row] = values
      ownRows.insert(row)
    }
  }

  private static func shapes(_ model: some SequenceModel, _ texts: Int) -> [Shape] {
    model.beginState(batch: texts).map(\.shape)
  }

  /// How many numbers of a text lie together in `[parts, batch, …]`, and how often.
  private static func cut(_ shape: Shape) -> (parts: Int, width: Int) {
    (shape[0], shape.extents.dropFirst(2).reduce(1, *))
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

  /// What is carried at this moment.
  struct Snapshot {
    fileprivate let states: [Int: [Float]]
    fileprivate let ownRows: Set<Int>
  }

  var snapshot: Snapshot { Snapshot(states: states, ownRows: ownRows) }

  func goBack(to snapshot: Snapshot) { (states, ownRows) = (snapshot.states, snapshot.ownRows) }

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
