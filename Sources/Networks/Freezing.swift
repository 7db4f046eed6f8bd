// Fine-tuning: what stays as it is, and what is learnt anew.

extension Module {
  /// Keeps some parameters as they are: they have no gradient, and no optimizer changes them. A layer with parameters all of which
  /// are frozen behaves as in evaluation, so that batch normalisation goes on with the mean and variance that it came with: what
  /// PyTorch's users write as `requires_grad_(False)` and `eval()`.
  ///
  /// - Parameter isMeant: whether a parameter of that name is to be frozen.
  /// - Returns: the names of the frozen parameters.
  @discardableResult
  public final func freeze(where isMeant: (_ name: String) -> Bool) -> [String] {
    let frozen = namedParameters.filter { isMeant($0.name) }
    for (_, tensor) in frozen { tensor.requiresGradient = false }
    for (_, module) in namedModules() {
      let parameters = module.parameters.entries
      module.isFrozen = !parameters.isEmpty && parameters.allSatisfy { !$0.value.requiresGradient }
    }
    train(isTraining)
    return frozen.map(\.name)
  }
}

/// The last layer of a network, or its last block of them, with parameters: what turns features into answers, and what fine-tuning for
/// other answers draws anew. Nil where nothing has parameters.
public func lastLayer(of network: Module) -> (name: String, module: Module)? {
  guard let last = network.children.entries.last(where: { $0.value.parameterCount > 0 }) else {
    return network.parameters.entries.isEmpty ? nil : ("", network)
  }
  // A block of layers counts as a whole; of a larger piece only what comes last in it.
  guard !(last.value is Sequential), let inner = lastLayer(of: last.value), !inner.name.isEmpty else {
    return (last.key, last.value)
  }
  return (last.key + "." + inner.name, inner.module)
}
