import Tensors

/// The names of everything in a network, and its state by them.
extension Module {
  /// Every module under this one, itself included, with its dotted name; a shared module comes once for each name.
  public final func namedModules() -> [(name: String, module: Module)] {
    var entries: [(name: String, module: Module)] = []
    var above: Set<ObjectIdentifier> = []
    addNamedModules(to: &entries, under: "", &above)
    return entries
  }

  /// - Parameter above: the modules that hold this one; a reference back to one of them names nothing new.
  private final func addNamedModules(
    to entries: inout [(name: String, module: Module)], under name: String, _ above: inout Set<ObjectIdentifier>
  ) {
    guard above.insert(ObjectIdentifier(self)).inserted else { return }
    forgetStructure()
    entries.append((name, self))
    for child in children { child.value.addNamedModules(to: &entries, under: Self.join(name, child.key), &above) }
    above.remove(ObjectIdentifier(self))
  }

  private static func join(_ name: String, _ key: String) -> String { name.isEmpty ? key : name + "." + key }

  /// The parameters with their dotted names, such as `0.weight`; a shared parameter once, under its first name.
  public final var namedParameters: [(name: String, tensor: Tensor)] { tensors(\.parameters) }

  /// The buffers with their dotted names.
  public final var namedBuffers: [(name: String, tensor: Tensor)] { tensors(\.buffers) }

  private final func tensors(_ kind: KeyPath<Module, Tensors>) -> [(name: String, tensor: Tensor)] {
    var seen: Set<ObjectIdentifier> = []
    return namedModules().flatMap { name, module in
      module[keyPath: kind].compactMap { key, tensor in
        seen.insert(ObjectIdentifier(tensor)).inserted ? (Self.join(name, key), tensor) : nil
      }
    }
  }

  /// All names of each parameter and buffer, the first one first: several where a module or tensor is shared.
  public final var aliases: [ObjectIdentifier: [String]] {
    var names: [ObjectIdentifier: [String]] = [:]
    for (name, module) in namedModules() {
      for (key, tensor) in module.parameters.entries + module.buffers.entries {
        names[ObjectIdentifier(tensor), default: []].append(Self.join(name, key))
      }
    }
    return names
  }

  /// Parameters and buffers by name, as PyTorch's `state_dict()`.
  public final var state: [(name: String, tensor: Tensor)] { namedParameters + namedBuffers }

  /// The parameter or buffer of that dotted name, `2.bias` say.
  public final func tensor(named name: String) -> Tensor? { state.first { $0.name == name }?.tensor }

  /// The same, for use in an expression: a fault where there is no such name.
  public final subscript(name: String) -> Tensor {
    let error = TensorError("\(type(of: self))", "has no parameter or buffer \(name)")
    return tensor(named: name) ?? Tensor(fault: error, [])
  }

  /// Numbers that training changes, each once.
  public final var parameterCount: Int { namedParameters.reduce(0) { $0 + $1.tensor.elementCount } }

  /// Overwrites the state.
  ///
  /// - Parameters:
  ///   - values: by their dotted names, as `state` has them.
  ///   - strict: whether every name must be there with its shape, and no other; else what fits is taken.
  /// - Returns: what was left out, in one line; nil where all fits.
  /// - Throws: `TensorError` with all misfits, in strict mode.
  @discardableResult
  public final func load(_ values: [String: Tensor], strict: Bool = true) throws -> String? {
    let own = state
    let names = Set(own.map(\.name))
    var faults = own.filter { values[$0.name] == nil }.map { "\($0.name) is missing" }
    faults += values.keys.filter { !names.contains($0) }.sorted().map { "\($0) is unknown" }
    faults += own.compactMap { name, tensor in
      guard let value = values[name], value.shape != tensor.shape else { return nil }
      return "\(name) has shape \(value.shape), not \(tensor.shape)"
    }
    let text = faults.joined(separator: ", ")
    guard faults.isEmpty || !strict else { throw TensorError("load", "the state is of another model: \(text)") }
    for (name, tensor) in own {
      if let value = values[name], value.shape == tensor.shape { tensor.assign(value) }
    }
    return faults.isEmpty ? nil : text
  }

  /// Checks that all modules and parameters are found, each under a name of its own, before a training starts.
  ///
  /// - Throws: `TensorError` with all that is wrong, in one line.
  public final func validate() throws {
    let modules = namedModules()
    var known = Set(modules.map { ObjectIdentifier($0.module) })
    var faults: [String] = []
    var (names, doubled): (Set<String>, [String]) = ([], [])
    for (name, module) in modules {
      let tensors = module.parameters.entries + module.buffers.entries
      known.formUnion(tensors.map { ObjectIdentifier($0.value) })
      for full in (module.children.map(\.key) + tensors.map(\.key)).map({ Self.join(name, $0) }) {
        // What is under two modules of one name has that fault already.
        let isNew = names.insert(full).inserted || doubled.contains { full.hasPrefix($0 + ".") }
        if !isNew { doubled.append(full) }
      }
    }
    faults += doubled.map { "two properties have the name \($0): give one another, by named(_:)" }
    for (name, module) in modules {
      for (path, object) in module.structure.unlisted where !known.contains(ObjectIdentifier(object)) {
        faults.append(
          "\(Self.join(name, path)) is a \(type(of: object)) that isn't found: a module's properties, and arrays, "
            + "dictionaries, optionals and tuples in them, may hold modules and tensors made by .parameter or .buffer")
      }
    }
    if !faults.isEmpty { throw TensorError("\(type(of: self))", faults.joined(separator: "; ")) }
  }
}

extension Structure {
  /// All that the properties hold; where a module names its children itself, some may be missing there.
  fileprivate var unlisted: [(path: String, object: AnyObject)] {
    children.map { ($0.key, $0.value) } + (parameters + buffers).map { ($0.key, $0.value) } + hidden
  }
}
