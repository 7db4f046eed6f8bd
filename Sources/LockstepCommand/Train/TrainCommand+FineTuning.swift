import Lockstep

/// A training that begins with weights from elsewhere, and leaves some as they are.
extension TrainCommand {
  /// The weights to begin with; nil for a training that draws its own, or goes on.
  func startingWeights(
    _ resumed: (path: String, checkpoint: Checkpoint)?, isRecovered: Bool
  ) throws -> StoredWeights? {
    guard let from = fineTuning.given["from"] else {
      if fineTuning.given["replace-head"] != nil && resumed == nil {
        throw ConfigurationError("replace-head needs --from, the weights of which the head is not taken")
      }
      return nil
    }
    if folds != nil { throw ConfigurationError("folds draw their own weights: leave --folds or --from out") }
    if resumed != nil {
      if resume == "auto" || isRecovered { return nil }
      throw ConfigurationError("resume goes on with its checkpoint's weights: leave --from or --resume out")
    }
    return try StoredWeights.open(from) { if Launcher.rank == 0 { Console.warn($0) } }
  }

  /// Puts the weights into a network whose own were drawn, and freezes what is to stay.
  ///
  /// - Returns: what was done, in lines.
  func begin(
    _ network: Module, _ configuration: Configuration, _ weights: StoredWeights?, warns: Bool
  ) throws -> [String] {
    let taken = try weights.map { try configuration.begin(network, with: $0) }
    if let warning = taken?.warning, warns { Console.warn(warning) }
    if folds != nil && !configuration.freeze.isNone {
      throw ConfigurationError("folds train all of their networks: leave --folds or --freeze out")
    }
    let frozen = try configuration.freezeParameters(of: network)
    return (taken?.lines ?? []) + (frozen.map { [$0] } ?? [])
  }
}
