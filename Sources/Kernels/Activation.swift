/// Transcendental functions of float32 arrays.
public enum Activation: Int, Sendable, CaseIterable {
  /// `1 / (1 + e⁻ˣ)`.
  case sigmoid
  /// `(eˣ - e⁻ˣ) / (eˣ + e⁻ˣ)`.
  case tanh
  /// `eˣ`.
  case exp
}
