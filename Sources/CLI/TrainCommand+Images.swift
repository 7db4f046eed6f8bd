import Lockstep

/// What a training makes of images while loading them.
extension TrainCommand {
  func configureImages(_ configuration: inout Configuration, _ workload: any Workload) throws {
    guard randomCrop != nil || randomFlip || normalize != nil else { return }
    guard let images = workload as? ClassificationWorkload else {
      throw ConfigurationError("random-crop, random-flip and normalize are for images, which \(model) does not take")
    }
    if randomCrop != nil || randomFlip {
      var augmentation = configuration.augmentation ?? Augmentation()
      if let randomCrop { augmentation.cropPadding = randomCrop }
      if randomFlip { augmentation.flips = true }
      configuration.augmentation = augmentation
    }
    if let normalize {
      configuration.normalization =
        normalize == "data" ? Normalization(of: try images.file.split("train")) : try Self.normalization(normalize)
      if let count = configuration.normalization?.means.count, count != images.file.channels {
        throw ConfigurationError("normalize has \(count) means, but \(data) has \(images.file.channels) channels")
      }
    }
    try configuration.validate()
  }

  /// `means:deviations`, with commas between channels.
  private static func normalization(_ text: String) throws -> Normalization {
    let lists = text.split(separator: ":", omittingEmptySubsequences: false).map { list in
      list.split(separator: ",", omittingEmptySubsequences: false).map { Float($0) }
    }
    guard lists.count == 2, lists[0].count == lists[1].count, !lists.joined().contains(nil) else {
      throw ConfigurationError(
        "normalize is '\(text)', but must be data, or as many means as deviations such as 0.5,0.5,0.5:0.2,0.2,0.2")
    }
    return Normalization(means: lists[0].compactMap { $0 }, deviations: lists[1].compactMap { $0 })
  }
}
