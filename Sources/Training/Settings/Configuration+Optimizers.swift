import Networks
import Optimizers
import Tensors

/// The optimizers that there are by their names, and what each takes.
extension Configuration {
  /// Which optimizer changes the weights.
  public enum OptimizerName: String, SettingName {
    /// Plain gradient descent, with `momentum` where that is set.
    case sgd
    /// Adam; weight decay is part of the gradient (L2).
    case adam
    /// Adam whose weight decay shrinks the weights by itself, beside the gradient (Loshchilov and Hutter 2019).
    case adamw
    /// Steps that become shorter where gradients have been large.
    case adagrad
    /// Steps over the root of the gradient's running square.
    case rmsprop
    /// Steps by the ratio of past steps and gradients; its learning rate is 1.
    case adadelta
    /// Steps of matrices made orthogonal; vectors, embeddings and the last layer by AdamW.
    case muon
    /// SGD whose steps are a share of each layer's norm, for large batches.
    case lars
    /// AdamW whose steps are a share of each layer's norm, for large batches.
    case lamb

    /// What it remembers of the parameters, which others that remember the same can go on with.
    var memory: String {
      switch self {
      case .sgd: "velocity"
      case .adam, .adamw, .lamb: "moments"
      case .lars: "step"
      case .adagrad, .rmsprop, .adadelta, .muon: rawValue
      }
    }

    /// Whether `momentum` is for it.
    public var takesMomentum: Bool { Self.users["momentum"]?.contains(self) ?? false }
    /// The momentum that it is used with where none is asked for.
    public var usualMomentum: Double { self == .lars ? 0.9 : self == .muon ? 0.95 : 0 }

    /// Whose the settings are that not all optimizers have.
    static let users: [String: Set<OptimizerName>] = [
      "momentum": [.sgd, .lars, .rmsprop, .muon], "nesterov": [.sgd, .muon],
      "beta1": [.adam, .adamw, .lamb, .muon], "beta2": [.adam, .adamw, .lamb, .muon],
      "alpha": [.rmsprop], "centered": [.rmsprop], "rho": [.adadelta], "muon-scaling": [.muon],
      "epsilon": [.adam, .adamw, .lamb, .muon, .adagrad, .rmsprop, .adadelta],
    ]
  }

  /// Which parameters weight decay is for.
  public enum Decayed: String, SettingName {
    /// All of them, as in the book.
    case all
    /// Those of two axes or more: neither biases nor the scales of normalisations, as GPTs are trained.
    case matrices
  }

  /// The same with another optimizer, whose own settings are its usual ones: what one choice needed says nothing of another.
  public func choosing(_ optimizer: OptimizerName) -> Configuration {
    guard optimizer != self.optimizer else { return self }
    var result = self
    let usual = Optimization()
    (result.optimizer, result.momentum, result.nesterov) = (optimizer, optimizer.usualMomentum, optimizer == .muon)
    (result.beta1, result.beta2, result.epsilon) = (usual.beta1, usual.beta2, usual.epsilon)
    (result.alpha, result.centered, result.rho) = (usual.alpha, usual.centered, usual.rho)
    result.muonScaling = usual.muonScaling
    return result
  }

  /// The optimizer of the settings, over all parameters of a model: those that are updated alike in one group. A schedule scales its
  /// learning rates.
  ///
  /// - Throws: `ConfigurationError` for a pattern of names that matches no parameter.
  public func makeOptimizer(for model: Module) throws -> any Optimizer {
    let groups = try parameterGroups(of: model)
    let betas = (mean: self.beta1, square: self.beta2)
    return switch self.optimizer {
    case .sgd: SGD(groups, momentum: self.momentum, nesterov: self.nesterov)
    case .adam: Adam(groups, betas: betas, epsilon: self.epsilon ?? 1e-8)
    case .adamw: Adam(groups, betas: betas, epsilon: self.epsilon ?? 1e-8, isDecoupled: true)
    case .adagrad: Adagrad(groups, epsilon: self.epsilon ?? 1e-10)
    case .rmsprop:
      RMSProp(
        groups, alpha: self.alpha, epsilon: self.epsilon ?? 1e-8, momentum: self.momentum, centered: self.centered)
    case .adadelta: Adadelta(groups, rho: self.rho, epsilon: self.epsilon ?? 1e-6)
    case .muon:
      Muon(
        groups, momentum: self.momentum, nesterov: self.nesterov, scaling: self.muonScaling, betas: betas,
        epsilon: self.epsilon ?? 1e-8)
    case .lars: LARS(groups, momentum: self.momentum)
    case .lamb: LAMB(groups, betas: betas, epsilon: self.epsilon ?? 1e-6)
    }
  }

  private func parameterGroups(of model: Module) throws -> [ParameterGroup] {
    let parameters = model.namedParameters
    let rates = try optimization.learningRate.values(of: model, "learning-rate")
    let decays = try optimization.weightDecay.values(of: model, "weight-decay")
    let hidden = self.optimizer == .muon ? model.hiddenMatrices : []
    var groups: [ParameterGroup] = []
    for (index, entry) in parameters.enumerated() {
      let decays = self.weightDecayOn == .matrices && entry.tensor.rank < 2 ? 0 : decays[index]
      let group = ParameterGroup(
        [entry], learningRate: rates[index], weightDecay: decays,
        isOrthogonal: hidden.contains(ObjectIdentifier(entry.tensor)))
      if let place = groups.firstIndex(where: group.isUpdatedLike) {
        groups[place].parameters.append(entry)
      } else {
        groups.append(group)
      }
    }
    return groups
  }
}

extension ParameterGroup {
  fileprivate func isUpdatedLike(_ other: ParameterGroup) -> Bool {
    learningRate == other.learningRate && weightDecay == other.weightDecay && isOrthogonal == other.isOrthogonal
  }
}

extension Module {
  /// What Muon is for: matrices, but for embeddings and the last layer.
  fileprivate var hiddenMatrices: Set<ObjectIdentifier> {
    let matrices = namedParameters.map(\.tensor).filter { $0.rank >= 2 }
    let layers = namedModules().map(\.module).filter { !$0.parameters.entries.isEmpty }
    let embeddings = layers.filter { $0 is Embedding }
    let others = (embeddings + layers.suffix(1)).flatMap { $0.parameters.map { ObjectIdentifier($0.value) } }
    return Set(matrices.map { ObjectIdentifier($0) }).subtracting(others)
  }
}

extension Muon.Scaling: SettingName {}
