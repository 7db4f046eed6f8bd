import MessagePassing
import Networks
import Tensors

/// Takes note of when each layer computes, forward and backward. A result that a layer owes is noted as the layer's own,
/// inside of that which looks at it first.
final class LayerTimeline: LayerWatch, @unchecked Sendable {
  let timeline: Timeline
  private let places: [ObjectIdentifier: Int]
  private let names: [String]
  /// What is going on, the innermost last.
  private var stack: [(place: Int, start: Int, follows: Bool)] = []
  /// What was resumed and paused last, and how deep in the stack; nil once a layer has begun or ended since.
  private var paused: (place: Int, depth: Int)?
  /// Operations outside of all layers.
  private static let outside = 0

  init(_ timeline: Timeline, of model: Module) {
    self.timeline = timeline
    let modules = model.namedModules()
    names = ["loss"] + modules.map { ($0.name.isEmpty ? "model" : $0.name) + " \(type(of: $0.module))" }
    let numbered = modules.enumerated().map { (ObjectIdentifier($0.element.module), $0.offset + 1) }
    places = Dictionary(numbered) { first, _ in first }
    super.init()
  }

  override var place: Int { stack.last?.place ?? Self.outside }

  /// A layer that was not there when the names were asked for counts as that around it.
  override func enters(_ layer: AnyObject) {
    begin(places[ObjectIdentifier(layer)] ?? place)
    paused = nil
  }

  override func leaves(_ layer: AnyObject, _ output: Tensor) {
    end()
    paused = nil
  }

  override func resumes(_ place: Int) { begin(names.indices.contains(place) ? place : Self.outside) }
  override func pauses() { paused = end().map { ($0, stack.count) } }

  /// What follows another operation of the same layer is one span with it.
  private func begin(_ place: Int) {
    stack.append((place, timeline.now, paused.map { $0 == (place, stack.count) } ?? false))
  }

  @discardableResult
  private func end() -> Int? {
    guard let (place, start, follows) = stack.popLast() else { return nil }
    timeline.note(names[place], from: start, joining: follows)
    return place
  }
}
