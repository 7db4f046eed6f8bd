/// What a tensor is to the module that holds it. An object, so that the many tensors without a role carry one word for it.
public final class StateRole: Sendable {
  /// What a module's tensor is to training and checkpoints.
  public enum Kind: Sendable {
    /// Training changes it.
    case parameter
    /// Part of the state that training does not change: a running mean, say.
    case buffer
  }

  /// What a module's tensor is to training and checkpoints.
  public let kind: Kind
  /// Instead of the property's name; nil for that.
  public let name: String?

  /// Goes by the property's name unless given another.
  public init(_ kind: Kind, name: String? = nil) { (self.kind, self.name) = (kind, name) }
}
