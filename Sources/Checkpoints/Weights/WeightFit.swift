import Networks
import Tensors

/// Which of a file's tensors a network takes, by name and shape, before any of them is read.
public struct WeightFit {
  /// A parameter or buffer of the network, and the tensor that it takes.
  private let pairs: [(name: String, own: Tensor, entry: StoredWeights.Entry)]
  private let path: String
  /// What the network takes.
  public var taken: [String] { pairs.map(\.name) }
  /// What the file has, and the network does not take.
  public let left: [(name: String, shape: Shape)]
  /// What the network has, and the file does not.
  public let missing: [(name: String, shape: Shape)]
  /// What the file has in another shape than the network.
  public let misshapen: [(name: String, found: Shape, wanted: Shape)]

  /// - Parameters:
  ///   - weights: the file.
  ///   - network: the network that is to take them.
  ///   - isLeftOut: what the network keeps as it is; the file may have it or not, in any shape.
  public init(_ weights: StoredWeights, _ network: Module, leavingOut isLeftOut: (String) -> Bool = { _ in false }) {
    path = weights.path
    let entries = Dictionary(weights.entries.map { ($0.name, $0) }) { first, _ in first }
    let aliases = network.aliases
    var (pairs, used): ([(String, Tensor, StoredWeights.Entry)], Set<String>) = ([], [])
    var (missing, misshapen): ([(String, Shape)], [(String, Shape, Shape)]) = ([], [])
    for (name, tensor) in network.state {
      let names = aliases[ObjectIdentifier(tensor)] ?? [name]
      let found = names.compactMap { entries[$0] }
      // A file may have what is shared under each of its names.
      if found.contains(where: { $0.shape == tensor.shape }) { used.formUnion(names) }
      if isLeftOut(name) {
        missing.append((name, tensor.shape))
        used.subtract(names)
      } else if let entry = found.first(where: { $0.shape == tensor.shape }) {
        pairs.append((name, tensor, entry))
      } else if let other = found.first {
        misshapen.append((name, other.shape, tensor.shape))
        used.formUnion(names)
      } else {
        missing.append((name, tensor.shape))
      }
    }
    (self.pairs, self.missing, self.misshapen) = (pairs, missing, misshapen)
    left = weights.entries.filter { !used.contains($0.name) }.map { ($0.name, $0.shape) }
  }

  /// Reads what fits into the network.
  ///
  /// - Parameter progress: is told which share was read.
  /// - Throws: `CheckpointError` where nothing does, or a number is not finite: then the network is not changed.
  public func apply(progress: (Double) -> Void = { _ in }) throws {
    if pairs.isEmpty {
      throw CheckpointError(path, "nothing in it fits the model: \(misfits ?? "it has no state")")
    }
    let values = try pairs.enumerated().map { place, pair in
      progress(Double(place) / Double(pairs.count))
      return (name: pair.name, tensor: try pair.entry.tensor().to(pair.own.dtype))
    }
    if let fault = try Checkpoint.firstNotFinite(values) { throw CheckpointError(path, fault) }
    for (pair, value) in zip(pairs, values) {
      pair.own.assign(value.tensor)
      try pair.own.check()
    }
  }

  /// All that does not fit, in one line; nil where all does.
  public var misfits: String? {
    var parts: [String] = []
    if !left.isEmpty { parts.append("the model lacks \(Self.list(left))") }
    if !missing.isEmpty { parts.append("the file lacks \(Self.list(missing))") }
    if !misshapen.isEmpty {
      parts.append(
        "of another shape: "
          + misshapen.map { "\($0.name) is \($0.found), but the model's is \($0.wanted)" }.listed(atMost: 8))
    }
    return parts.isEmpty ? nil : parts.joined(separator: "; ") + (advice.map { "; \($0)" } ?? "")
  }

  /// Names with their shapes.
  public static func list(_ tensors: [(name: String, shape: Shape)]) -> String {
    tensors.map { "\($0.name) \($0.shape)" }.listed(atMost: 12)
  }

  /// Where all names differ by what they begin with alone, the map that mends it.
  private var advice: String? {
    guard let first = missing.first else { return nil }
    let found = Set(left.map(\.name))
    for (name, _) in left where name.hasSuffix("." + first.name) {
      let prefix = String(name.dropLast(first.name.count))
      if missing.allSatisfy({ found.contains(prefix + $0.name) }) { return "try --map '\(prefix.inOneLine)*=*'" }
    }
    return nil
  }
}
