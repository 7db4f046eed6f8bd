/// Where a number stopped being finite.
public struct NumericsFault: Sendable, Equatable, CustomStringConvertible {
  /// The operation whose result it was.
  public let operation: String
  /// The dotted name of the innermost layer, where there is one.
  public let layer: String?
  /// Whether it was in a gradient.
  public let isBackward: Bool
  /// NaN or an infinity.
  public let value: Double

  public var description: String {
    let place = layer.map { " in layer \($0)" } ?? ""
    let pass = isBackward ? "backward" : "forward"
    return "\(value.isNaN ? "NaN" : "infinity") first came from \(operation)\(place), \(pass)"
  }
}

/// Looks at every result and every derivative, and remembers the first that is not finite: slow, for finding the culprit.
/// Used by one thread.
public final class NumericsCheck: LayerWatch, @unchecked Sendable {
  /// The first that was seen; nil where all numbers were finite.
  public private(set) var fault: NumericsFault?
  private let names: [ObjectIdentifier: String]
  private var layers: [String?] = []
  /// What each recorded operation was, and in which layer.
  private var origins: [(operation: String, layer: String?)] = []

  /// - Parameter names: the dotted names of a network's modules and parameters.
  public init(names: [ObjectIdentifier: String] = [:]) {
    self.names = names
    super.init()
  }

  public override var looksIntoOperations: Bool { true }

  /// A fault in a layer names the layer, one without a name that around it.
  public override func enters(_ layer: AnyObject) {
    let name = names[ObjectIdentifier(layer)].map { "\($0) (\(type(of: layer)))" }
    layers.append(name ?? layers.last ?? nil)
  }

  public override func leaves(_ layer: AnyObject, _ output: Tensor) { layers.removeLast() }

  /// Looks at a new result. A parameter that was no good before is named itself.
  public override func records(_ result: Tensor, of inputs: [Tensor], _ function: StaticString) -> Int {
    origins.append((GradientNode.operation(function), layers.last ?? nil))
    guard fault == nil, let bad = Self.firstBad(result) else { return origins.count - 1 }
    let culprit = inputs.first { names[ObjectIdentifier($0)] != nil && Self.firstBad($0) != nil }
    let parameter = culprit.flatMap { names[ObjectIdentifier($0)] }.map { "parameter \($0)" }
    note(bad, of: origins.count - 1, as: parameter, isBackward: false)
    return origins.count - 1
  }

  public override func derives(_ derivatives: [Tensor?], at place: Int) {
    guard fault == nil, origins.indices.contains(place) else { return }
    if let bad = derivatives.lazy.compactMap({ $0.flatMap(Self.firstBad) }).first {
      note(bad, of: place, isBackward: true)
    }
  }

  private func note(_ value: Double, of place: Int, as name: String? = nil, isBackward: Bool) {
    let (operation, layer) = origins[place]
    fault = NumericsFault(operation: name ?? operation, layer: layer, isBackward: isBackward, value: value)
  }

  private static func firstBad(_ tensor: Tensor) -> Double? {
    guard tensor.dtype.isFloat else { return nil }
    return try? tensor.detached().values(as: Double.self).first { !$0.isFinite }
  }
}
