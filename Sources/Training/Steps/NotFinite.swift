import Failures
import Optimizers
import Tensors

/// What a step does whose numbers are not finite.
public enum OnNan: String, SettingName {
  /// Ends the training, before anything was updated.
  case stop
  /// Leaves out the update, and goes on with the next step.
  case skip

  /// Steps in a row that may be skipped. Numbers that are no better after so many will not be.
  static let mostInARow = 10
}

/// Numbers of a step that became infinite or NaN: all ranks stop with it, or skip the step, before anything is updated.
public struct NotFiniteError: Failure, Equatable {
  /// In the order of a step: where one of these is found, the later ones are not looked at.
  public enum Place: Sendable, Equatable {
    /// The sum of a rank's losses.
    case loss
    /// The gradient of this parameter, the model's first that is so, or the statistics of a layer's batch.
    case gradient(String)
    /// What this parameter, buffer or optimizer's memory would have become.
    case update(String)
  }

  /// Where they were found.
  public let place: Place
  /// Of the optimizer, from 1: the one that was not taken.
  public let step: Int
  /// From 1.
  public let epoch: Int
  /// On which they were found, in order; none where they came to be in what all ranks add up.
  public let ranks: [Int]
  /// How many steps were skipped before it, without one that was taken in between.
  public internal(set) var skipped = 0

  public var isAgreed: Bool { true }

  public var description: String {
    let skips = skipped > 0 ? "after \(skipped) skipped steps in a row, " : ""
    return "\(skips)\(finding) (epoch \(epoch)): a lower learning rate may help, --check-numerics names the layer; "
      + "nothing was updated, the last good checkpoint stays"
  }

  /// Without advice: `the gradient of 0.weight is not finite at step 3 on rank 1`.
  var finding: String {
    let what =
      switch place {
      case .loss: "the loss"
      case .gradient(let name): "the gradient of \(name)"
      case .update(let name): "the update of \(name)"
      }
    let holders = ranks.isEmpty ? "on all ranks together" : "on rank \(ranks.map(String.init).joined(separator: ", "))"
    return "\(what) is not finite at step \(step) \(holders)"
  }
}

/// Which of this rank's gradients are not finite, before those of others are added to them.
final class GradientWatch {
  private var odd: Set<ObjectIdentifier> = []

  /// Products that are owed are finite if their factors are, unless numbers overflow: that shows in the sum over all ranks.
  func look(at tensor: Tensor) throws {
    guard let gradient = tensor.gradient else { return }
    let parts = gradient.owedFactors ?? [gradient]
    if try !parts.allSatisfy({ try $0.isFinite() }) { odd.insert(ObjectIdentifier(tensor)) }
  }

  var isFinite: Bool { odd.isEmpty }

  /// The first one's place.
  func first(of tensors: [Tensor]) -> Int? {
    odd.isEmpty ? nil : tensors.firstIndex { odd.contains(ObjectIdentifier($0)) }
  }
}
