import Tensors

/// What an optimizer remembers of each parameter, by slot (`momentum`, …). It hangs on the parameter itself: names may come
/// again in another group.
public struct ParameterMemory {
  private var slots: [String: [ObjectIdentifier: Tensor]] = [:]
  /// Kept, so that no other tensor can take a parameter's identity.
  private var parameters: [ObjectIdentifier: Tensor] = [:]

  /// Remembers nothing yet.
  public init() {}

  /// What is remembered of a parameter under the name of a slot; nil before its first step.
  public subscript(slot: String, parameter: Tensor) -> Tensor? {
    get { slots[slot]?[ObjectIdentifier(parameter)] }
    set {
      parameters[ObjectIdentifier(parameter)] = parameter
      slots[slot, default: [:]][ObjectIdentifier(parameter)] = newValue
    }
  }

  init(_ tensors: [String: [String: Tensor]], in groups: [ParameterGroup]) {
    for (name, parameter) in Self.uniqueNames(groups) {
      for slot in tensors.keys { if let tensor = tensors[slot]?[name] { self[slot, parameter] = tensor } }
    }
  }

  func named(in groups: [ParameterGroup]) -> [String: [String: Tensor]] {
    let parameters = Self.uniqueNames(groups)
    return slots.mapValues { tensors in
      var named: [String: Tensor] = [:]
      for (name, parameter) in parameters { named[name] = tensors[ObjectIdentifier(parameter)] }
      return named
    }
  }

  /// Each parameter once; of several with one name, the second is called `weight#2`.
  private static func uniqueNames(_ groups: [ParameterGroup]) -> [(name: String, parameter: Tensor)] {
    var taken: Set<String> = []
    var seen: Set<ObjectIdentifier> = []
    return groups.flatMap(\.parameters).compactMap { name, parameter in
      guard seen.insert(ObjectIdentifier(parameter)).inserted else { return nil }
      var (unique, count) = (name, 1)
      while !taken.insert(unique).inserted {
        count += 1
        unique = "\(name)#\(count)"
      }
      return (unique, parameter)
    }
  }
}
