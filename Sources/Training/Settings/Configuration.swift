import Datasets
import Failures
import Foundation
import Kernels
import Networks
import Optimizers

/// All that defines a training, save the data themselves and the machine: printed at start, kept in every checkpoint and
/// compared over the ranks.
///
/// A setting is declared in its group (`ConfigurationGroups.swift`) and nowhere else; here it goes by its name,
/// `configuration.learningRate`.
@dynamicMemberLookup
public struct Configuration: Sendable, Equatable {
  /// The model's name: what checkpoints and progress call it, and a registry finds it by.
  public var model: String
  /// What the data decided about the model.
  public var sizes = ModelSizes()
  /// Length of the training, batch size, learning rate, optimizer.
  public var optimization = Optimization()
  /// The learning rate's course.
  public var scheduling = Scheduling()
  /// Weights that it begins with, and which of them stay.
  public var fineTuning = FineTuning()
  /// How samples are read and shuffled.
  public var loading = LoadingSettings()
  /// Which samples are trained on.
  public var splitting = SplitSettings()
  /// For texts alone.
  public var sequences = SequenceSettings()
  /// For images alone.
  public var images = ImageSettings()
  /// Seed, and the mode whose bits do not depend on the number of ranks.
  public var reproducibility = Reproducibility()
  /// How a step is shared by the ranks.
  public var distribution = DistributionSettings()
  /// Backend, precision, the size of slices and what is kept for backward.
  public var kernelling = KernelSettings()

  /// With all settings at their defaults.
  public init(model: String) { self.model = model }

  /// With the settings that most trainings have.
  public init(
    model: String, epochs: Int, steps: Int? = nil, batchSize: Int, learningRate: Double,
    optimizer: OptimizerName = .sgd, momentum: Double = 0, nesterov: Bool = false, weightDecay: Double = 0,
    clipNorm: Double? = nil, seed: UInt64 = 0, sliceSize: Int = .max
  ) {
    self.init(model: model)
    (self.epochs, self.steps, self.batchSize) = (epochs, steps, batchSize)
    (self.learningRate, self.optimizer, self.momentum) = (learningRate, optimizer, momentum)
    (self.nesterov, self.weightDecay, self.clipNorm) = (nesterov, weightDecay, clipNorm)
    (self.seed, self.sliceSize) = (seed, sliceSize)
  }

  /// The settings of all groups, in the order of their declaration.
  public var settings: [NamedSetting] { NamedSetting.all(of: self) }

  /// The same with other values for some settings, given as texts by the names of their options.
  public func with(_ texts: [String: String]) throws -> Configuration {
    let result = copied()
    for named in result.settings {
      if let text = texts[named.option] { try named.setting.fill(from: text, named.option) }
    }
    return result
  }

  /// With boxes of its own, so that they can be filled.
  private func copied() -> Configuration {
    var result = Configuration(model: model)
    result.sizes = sizes
    for (new, old) in zip(result.settings, settings) { new.setting.fill(from: old.setting) }
    return result
  }

  /// As the command line's options, one a line: what ranks compare.
  var lines: [String] {
    ["model \(model)", "sizes \(sizes)"] + settings.map { "\($0.option) \($0.setting.text ?? "none")" }
  }

  /// The settings that must stay until the end of an epoch that another training began, but differ from its.
  public func changesWithinEpoch(
    from old: Configuration
  ) -> [(option: String, value: String, old: String)] {
    zip(settings, old.settings).filter { $0.setting.declaration.staysInEpoch && $0.setting.text != $1.setting.text }
      .map { ($0.option, $0.setting.text ?? "none", $1.setting.text ?? "none") }
  }
}

/// Settings by their names alone, as if the groups were not there.
extension Configuration {
  /// A setting of `optimization`.
  public subscript<Value>(dynamicMember path: WritableKeyPath<Optimization, Value>) -> Value {
    get { optimization[keyPath: path] }
    set { optimization[keyPath: path] = newValue }
  }
  /// A setting of `scheduling`.
  public subscript<Value>(dynamicMember path: WritableKeyPath<Scheduling, Value>) -> Value {
    get { scheduling[keyPath: path] }
    set { scheduling[keyPath: path] = newValue }
  }
  /// A setting of `fineTuning`.
  public subscript<Value>(dynamicMember path: WritableKeyPath<FineTuning, Value>) -> Value {
    get { fineTuning[keyPath: path] }
    set { fineTuning[keyPath: path] = newValue }
  }
  /// A setting of `loading`.
  public subscript<Value>(dynamicMember path: WritableKeyPath<LoadingSettings, Value>) -> Value {
    get { loading[keyPath: path] }
    set { loading[keyPath: path] = newValue }
  }
  /// A setting of `splitting`.
  public subscript<Value>(dynamicMember path: WritableKeyPath<SplitSettings, Value>) -> Value {
    get { splitting[keyPath: path] }
    set { splitting[keyPath: path] = newValue }
  }
  /// A setting of `sequences`.
  public subscript<Value>(dynamicMember path: WritableKeyPath<SequenceSettings, Value>) -> Value {
    get { sequences[keyPath: path] }
    set { sequences[keyPath: path] = newValue }
  }
  /// A setting of `images`.
  public subscript<Value>(dynamicMember path: WritableKeyPath<ImageSettings, Value>) -> Value {
    get { images[keyPath: path] }
    set { images[keyPath: path] = newValue }
  }
  /// A setting of `reproducibility`.
  public subscript<Value>(dynamicMember path: WritableKeyPath<Reproducibility, Value>) -> Value {
    get { reproducibility[keyPath: path] }
    set { reproducibility[keyPath: path] = newValue }
  }
  /// A setting of `distribution`.
  public subscript<Value>(dynamicMember path: WritableKeyPath<DistributionSettings, Value>) -> Value {
    get { distribution[keyPath: path] }
    set { distribution[keyPath: path] = newValue }
  }
  /// A setting of `kernelling`.
  public subscript<Value>(dynamicMember path: WritableKeyPath<KernelSettings, Value>) -> Value {
    get { kernelling[keyPath: path] }
    set { kernelling[keyPath: path] = newValue }
  }
}

/// As JSON: all settings side by side, whatever their groups, those that are not set left out.
extension Configuration: Codable {
  public func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: SettingKey.self)
    try fields.encode(model, forKey: "model")
    try fields.encode(sizes, forKey: "sizes")
    for named in settings { try named.setting.write(to: &fields, named.key) }
  }

  /// What an older Lockstep did not know, and its checkpoints don't say, is as it was then: the default.
  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: SettingKey.self)
    self.init(model: try fields.decode(String.self, forKey: "model"))
    sizes = try fields.decodeIfPresent(ModelSizes.self, forKey: "sizes") ?? sizes
    for named in settings { try named.setting.fill(from: fields, named.key) }
    // The first Lockstep had the two of them as one.
    if let augmentation = try fields.decodeIfPresent(Augmentation.self, forKey: "augmentation") {
      images.augmentation = augmentation
    }
  }

  /// With sorted keys, so that equal configurations are equal texts.
  public func json() throws -> String { try stableJSON() }

  /// Reads what `json()` wrote.
  ///
  /// - Parameters:
  ///   - json: the text, of a checkpoint's configuration say.
  ///   - path: the file that it comes from, for the error.
  /// - Throws: `ConfigurationError` for a text that is no configuration.
  public init(json: String, path: String) throws {
    do {
      self = try JSONDecoder().decode(Configuration.self, from: Foundation.Data(json.utf8))
    } catch {
      throw ConfigurationError("\(path): its configuration can't be read: \(error)")
    }
  }
}

/// A training that can't be as it was asked for.
public struct ConfigurationError: Failure {
  /// The whole message, one line.
  public let what: String
  /// An error that ends a command with exit code 64, wrong usage.
  public init(_ what: String) { self.what = what }
  public var kind: FailureKind { .usage }
  public var description: String { what }
}
