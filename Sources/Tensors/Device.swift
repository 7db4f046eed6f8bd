/// Where a tensor's storage lives. Today that is the CPU alone.
public enum Device: Hashable, Sendable, CustomStringConvertible {
  case cpu

  public var description: String { "cpu" }
}
