import Datasets

/// Says at the end of each epoch which samples were left out because they could not be read.
public final class BadChunkTeller: TrainingObserver {
  private let data: Streamed
  private let warn: (String) -> Void
  private var count = 0

  /// `warn` takes a line of text.
  public init(_ data: Streamed, warn: @escaping (String) -> Void) { (self.data, self.warn) = (data, warn) }

  public func epochFinished(_ metrics: EpochMetrics) throws { tell() }
  public func trainingFinished() throws { tell() }

  private func tell() {
    for bad in data.takeBadChunks() {
      count += bad.samples.count
      warn(
        "samples \(bad.samples.lowerBound)…\(bad.samples.upperBound - 1) are left out, \(count) so far; others take their "
          + "place: \(bad.reason)")
    }
  }
}
