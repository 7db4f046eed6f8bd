import Failures
import Kernels
import Networks
import Tensors

/// Takes note of what each layer's time goes to, forward and backward: `trainer.checks.profiler`. Used by the thread that trains.
///
/// It is told when layers and kernels begin and end, and of each operation when that has come to its result. What passes
/// between two such events belongs to the innermost of what is going on; within a layer, to the operation that comes next.
public final class StepProfiler: LayerWatch, KernelMeter, @unchecked Sendable {
  /// What is going on, inside of other such spans.
  private struct Span {
    let layer: Int
    let isBackward: Bool
    var work: StepWork
    /// Time of its own that belongs to nothing yet.
    var pending = 0
  }

  /// What a layer does in one direction.
  private struct Spent {
    var nanoseconds = [Int](repeating: 0, count: StepWork.allCases.count)
    var reorders = 0
    var calls: [KernelCall: Int] = [:]
  }

  /// Steps of the beginning that are left out, unless there are no others.
  public static let skippedSteps = 5
  private static let works = StepWork.allCases
  private static let numbers = Dictionary(uniqueKeysWithValues: works.enumerated().map { ($1, $0) })

  private let names: [String]
  private let places: [ObjectIdentifier: Int]
  private var spans: [Span] = []
  private var last = 0
  /// Of each layer, forward and backward.
  private var spent: [Spent]
  private var kinds: [UnsafePointer<UInt8>: Substring] = [:]
  private var (seen, counted, nanoseconds) = (0, 0, 0)
  private var (times, before) = (StepTimes(), StepTimes())

  /// Nothing yet, of a model whose layers stay the same.
  public init(of model: Module) {
    let modules = model.namedModules()
    names = ["loss"] + modules.map { ($0.name.isEmpty ? "model" : $0.name) + " \(type(of: $0.module))" }
    places = Dictionary(modules.enumerated().map { (ObjectIdentifier($0.element.module), $0.offset + 1) }) {
      first, _ in first
    }
    spent = .init(repeating: Spent(), count: 2 * names.count)
    super.init()
  }

  /// Runs `body`, a forward and a backward pass of a step.
  func watch(_ body: () throws -> Void) throws {
    if seen == Self.skippedSteps && counted == seen { begin() }
    spans = []
    enter(Span(layer: 0, isBackward: false, work: .other))
    defer { leave() }
    try run { try KernelMeters.run(self, body) }
  }

  /// What was noted so far is of steps that prepare what the others use again.
  private func begin() {
    (counted, nanoseconds, before) = (0, 0, times)
    spent = .init(repeating: Spent(), count: spent.count)
  }

  /// A step has ended that took so long, its fetch not counted.
  func finishStep(_ times: StepTimes, nanoseconds: Int) {
    self.times = times
    self.nanoseconds += nanoseconds
    (seen, counted) = (seen + 1, counted + 1)
  }

  /// What the steps came to.
  public var profile: TimeProfile {
    let (count, times) = (Double(max(counted, 1)), times - before)
    let layers = names.enumerated().map { layer, name in
      var result = TimeProfile.Layer(name: name)
      for isBackward in [false, true] {
        let spent = spent[index(layer, isBackward)]
        let seconds = spent.nanoseconds.enumerated().filter { $1 > 0 }.map {
          (Self.works[$0], Double($1) * 1e-9 / count)
        }
        let byWork = Dictionary(uniqueKeysWithValues: seconds)
        if isBackward { result.backward = byWork } else { result.forward = byWork }
        result.reorders += Double(spent.reorders) / count
        result.calls.merge(spent.calls.mapValues { Double($0) / count }, uniquingKeysWith: +)
      }
      return result
    }
    return TimeProfile(
      steps: counted, seconds: times.fetch / count + Double(nanoseconds) * 1e-9 / count,
      layers: layers.filter { $0.seconds > 0 }, beside: times)
  }

  // What the network says.

  public override func enters(_ layer: AnyObject) {
    let (current, isBackward) = spans.last.map { ($0.layer, $0.isBackward) } ?? (0, false)
    lap()
    settle(as: .other)
    enter(Span(layer: places[ObjectIdentifier(layer)] ?? current, isBackward: isBackward, work: .other))
  }

  public override func leaves(_ layer: AnyObject, _ output: Tensor) { leave() }

  /// What is put off is a part of the layer that puts it off.
  public override var place: Int { site(spans.last?.layer ?? 0, spans.last?.isBackward ?? false, .other) }

  /// The time before is that of the operation, but for what it spent in kernels.
  public override func records(_ result: Tensor, of inputs: [Tensor], _ function: StaticString) -> Int {
    lap()
    let layer = spans.last?.layer ?? 0
    let name = kinds[function.utf8Start] ?? "\(function)".prefix { $0 != "(" }
    kinds[function.utf8Start] = name
    settle(as: work(of: name, in: layer, isBackward: false))
    return site(layer, true, work(of: name, in: layer, isBackward: true))
  }

  public override func resumes(_ place: Int) {
    lap()
    guard place >= 0 else { return enter(Span(layer: 0, isBackward: true, work: .other)) }
    let (rest, work) = place.quotientAndRemainder(dividingBy: Self.works.count)
    enter(Span(layer: rest / 2, isBackward: rest % 2 == 1, work: Self.works[work]))
  }

  public override func pauses() { leave() }

  /// What comes between an operation's derivatives and its end is their way to whom they belong.
  public override func derives(_ derivatives: [Tensor?], at place: Int) {
    lap()
    guard let top = spans.indices.last else { return }
    settle(as: spans[top].work)
    spans[top].work = .gradients
  }

  // What kernels say.

  public func begins(_ work: KernelWork) {
    lap()
    let (layer, isBackward) = spans.last.map { ($0.layer, $0.isBackward) } ?? (0, false)
    if work == .reorder { spent[index(layer, isBackward)].reorders += 1 }
    enter(Span(layer: layer, isBackward: isBackward, work: StepWork(work)))
  }

  public func ends() { leave() }

  public func isAsked(for call: KernelCall, times: Int) {
    let (layer, isBackward) = spans.last.map { ($0.layer, $0.isBackward) } ?? (0, false)
    spent[index(layer, isBackward)].calls[call, default: 0] += times
  }

  // Bookkeeping.

  private func work(of operation: Substring, in layer: Int, isBackward: Bool) -> StepWork {
    layer == 0 ? .loss : StepWork(of: operation, isBackward: isBackward)
  }

  private func index(_ layer: Int, _ isBackward: Bool) -> Int { 2 * layer + (isBackward ? 1 : 0) }

  private func site(_ layer: Int, _ isBackward: Bool, _ work: StepWork) -> Int {
    index(layer, isBackward) * Self.works.count + (Self.numbers[work] ?? 0)
  }

  /// The time since the last event is the innermost span's.
  private func lap() {
    let now = monotonicNanoseconds()
    if let top = spans.indices.last { spans[top].pending += now - last }
    last = now
  }

  /// What is pending of the innermost span was such work.
  private func settle(as work: StepWork) {
    guard let top = spans.indices.last else { return }
    let span = spans[top]
    spent[index(span.layer, span.isBackward)].nanoseconds[Self.numbers[work] ?? 0] += span.pending
    spans[top].pending = 0
  }

  private func enter(_ span: Span) {
    if spans.isEmpty { last = monotonicNanoseconds() }
    spans.append(span)
  }

  private func leave() {
    lap()
    guard let work = spans.last?.work else { return }
    settle(as: work)
    spans.removeLast()
  }
}
