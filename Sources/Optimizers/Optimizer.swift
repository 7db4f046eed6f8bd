import Kernels
import Tensors

/// Parameters that are updated with the same settings.
public struct ParameterGroup {
  /// With their names, in the order of the model.
  public var parameters: [(name: String, tensor: Tensor)]
  /// The step's length; a trainer sets it before every step by its schedule.
  public var learningRate: Double
  /// What a schedule's factor scales: the rate that the group was made with.
  public var initialLearningRate: Double
  /// The share of a parameter that is added to its gradient, or taken from itself by AdamW.
  public var weightDecay: Double
  /// Whether `Muon` makes orthogonal matrices of these parameters' steps; it treats others as AdamW does.
  public var isOrthogonal: Bool

  /// Parameters that are updated alike.
  public init(
    _ parameters: [(name: String, tensor: Tensor)], learningRate: Double, weightDecay: Double = 0,
    isOrthogonal: Bool = false
  ) {
    (self.parameters, self.learningRate, self.weightDecay) = (parameters, learningRate, weightDecay)
    (initialLearningRate, self.isOrthogonal) = (learningRate, isOrthogonal)
  }
}

/// Changes parameters by their gradients; parameters without a gradient stay.
public protocol Optimizer: AnyObject {
  /// All that is updated.
  var groups: [ParameterGroup] { get set }
  /// How many updates have been made.
  var stepCount: Int { get set }
  /// What the optimizer remembers of its parameters.
  var memory: ParameterMemory { get set }
  /// Whether a step asks for a whole parameter at once, its norm say, and not for each element by itself.
  var needsWholeParameters: Bool { get }
  /// Changes every parameter that has a gradient by it. Throws a `TensorError` for a gradient of another shape or type.
  func step() throws
}

extension Optimizer {
  public var needsWholeParameters: Bool { false }

  /// Forgets the gradients of all parameters.
  public func clearGradients() {
    for group in groups { for entry in group.parameters { entry.tensor.gradient = nil } }
  }

  /// The memory by slot (`momentum`, …) and parameter name, as files hold it. Setting it leaves out names that no group has.
  public var slots: [String: [String: Tensor]] {
    get { memory.named(in: groups) }
    set { memory = ParameterMemory(newValue, in: groups) }
  }

  /// The slot's tensor for a parameter, zeros at first.
  func slot(_ slot: String, _ name: String, of parameter: Tensor) throws -> Tensor {
    if let known = memory[slot, parameter] {
      guard known.shape == parameter.shape, known.dtype == parameter.dtype else {
        throw TensorError("optimizer", "the \(slot) of \(name) has shape \(known.shape), not \(parameter.shape)")
      }
      return known
    }
    let fresh = Tensor.zeros(parameter.shape, parameter.dtype)
    memory[slot, parameter] = fresh
    return fresh
  }

  /// Throws for a gradient that is not its parameter's.
  func check(_ gradient: Tensor, of tensor: Tensor, _ name: String) throws {
    guard gradient.shape == tensor.shape, tensor.dtype.isFloat, gradient.dtype == tensor.dtype else {
      throw TensorError(
        "optimizer", "\(name): \(tensor.dtype) \(tensor.shape) with a gradient \(gradient.dtype) \(gradient.shape)")
    }
  }

  /// Changes each parameter that has a gradient by `rule`, with what the optimizer remembers of it in its slots, in float32
  /// or float64 and wherever the elements lie; in all groups, or those that are wanted.
  func update(by rule: some UpdateRule, in isWanted: (ParameterGroup) -> Bool = { _ in true }) throws {
    for group in groups where isWanted(group) {
      for (name, tensor) in group.parameters {
        guard let gradient = tensor.gradient else { continue }
        try check(gradient, of: tensor, name)
        let isFirst = rule.slots.contains { memory[$0, tensor] == nil }
        let slots = try rule.slots.map { try slot($0, name, of: tensor) }
        if tensor.dtype == .float32 {
          try change(tensor, as: Float.self, slots, by: gradient, rule, group, isFirst: isFirst)
        } else {
          try change(tensor, as: Double.self, slots, by: gradient, rule, group, isFirst: isFirst)
        }
      }
    }
  }

  private func change<T: FloatElement>(
    _ tensor: Tensor, as type: T.Type, _ slots: [Tensor], by gradient: Tensor, _ rule: some UpdateRule,
    _ group: ParameterGroup, isFirst: Bool
  ) throws {
    try tensor.withElements(as: type, and: slots, reading: gradient) {
      let whole = ElementUpdate(count: $0, weights: $1, slots: $2, gradient: $3, isVector: tensor.rank < 2)
      guard rule.isByElement else { return rule.apply(group, isFirst: isFirst, whole) }
      ElementShares.run(whole.count) { share in
        // What the rule's loops read again is still in a near cache.
        let block = 16_384
        for first in stride(from: share.lowerBound, to: share.upperBound, by: block) {
          rule.apply(group, isFirst: isFirst, whole[first..<min(first + block, share.upperBound)])
        }
      }
    }
  }
}

/// One parameter's elements with those of its gradient and of what is remembered of it, all in one order.
struct ElementUpdate<T: FloatElement> {
  let count: Int
  let weights: UnsafeMutablePointer<T>
  let slots: [UnsafeMutablePointer<T>]
  let gradient: UnsafePointer<T>
  /// Whether the parameter has no more than one axis: a bias, or the scale of a normalisation.
  let isVector: Bool

  /// Some of them.
  fileprivate subscript(_ range: Range<Int>) -> ElementUpdate {
    ElementUpdate(
      count: range.count, weights: weights + range.lowerBound, slots: slots.map { $0 + range.lowerBound },
      gradient: gradient + range.lowerBound, isVector: isVector)
  }
}

/// How an optimizer changes a parameter.
protocol UpdateRule {
  /// What it remembers of each parameter, in the order of `ElementUpdate.slots`.
  var slots: [String] { get }
  /// Whether an element's change depends on no other element.
  var isByElement: Bool { get }
  /// - Parameter isFirst: whether the slots are zeros because nothing has been remembered yet.
  func apply<T: FloatElement>(_ group: ParameterGroup, isFirst: Bool, _ update: ElementUpdate<T>)
}

extension UpdateRule {
  var isByElement: Bool { true }
}

/// What goes into a running mean.
struct MeanShares<T: FloatElement> {
  /// Of the old mean, and of what comes in: not 1 less what is kept, which float32 has rounded.
  let kept, new: T

  init(keeping kept: Double) { (self.kept, new) = (T(kept), T(1 - kept)) }
}

/// Square roots stay single ones in a plain loop, for fear of negative numbers.
@inline(__always)
func forEachEight(of count: Int, _ eight: (Int) -> Void, single: (Int) -> Void) {
  for start in stride(from: 0, to: count & ~7, by: 8) { eight(start) }
  for index in count & ~7..<count { single(index) }
}
