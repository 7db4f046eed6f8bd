import Lockstep

/// What a training makes of images while loading them.
extension TrainCommand {
  func configureImages(_ configuration: inout Configuration, _ workload: any Workload) throws {
    guard !images.given.isEmpty else { return }
    guard let workload = workload as? ClassificationWorkload else {
      throw ConfigurationError("random-crop, random-flip and normalize are for images, which \(model) does not take")
    }
    if configuration.normalization == .ofData {
      configuration.normalization = Normalization(of: try workload.file.split("train"))
    }
    if let count = configuration.normalization?.means.count, count != workload.file.channels {
      throw ConfigurationError("normalize has \(count) means, but \(data) has \(workload.file.channels) channels")
    }
  }
}
