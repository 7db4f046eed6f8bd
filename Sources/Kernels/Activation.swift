/// Transcendental functions of float32 arrays.
public enum Activation: Int, Sendable, CaseIterable {
  case sigmoid, tanh, exp
}
