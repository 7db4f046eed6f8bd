/// How a step is shared by the ranks: in which slices each computes its part.
public struct DistributionSettings: Settings {
  /// Slices of a rank's part of each batch at least, one after the other; 1 unless set. The batch stays that of one step.
  @Setting(
    """
    Cuts each rank's part of a batch into so many slices, which go through the network one after the other; their \
    gradients are added before they travel. Batch normalisation takes its statistics of one slice of all ranks, as \
    PyTorch's SyncBatchNorm does.
    """, .from(1, to: 1 << 20))
  public var accumulate = 1

  public init() {}
}
