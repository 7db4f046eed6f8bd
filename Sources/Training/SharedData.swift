import Datasets
import MessagePassing

extension Communicator {
  /// Lets the ranks of each host keep one copy of the data sets between them, and reads those that are to stay in memory.
  /// Collective; before any sample is asked for.
  public func share(_ datasets: [(any Dataset)?]) throws {
    let shared = datasets.compactMap { $0 as? any SharedDataset }
    guard !shared.isEmpty else { return }
    if size > 1 { for dataset in shared { try dataset.share(over: self) } }
    try agreeing("load", at: .loading) { for dataset in shared { try dataset.loadShare() } }
  }
}
