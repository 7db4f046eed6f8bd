import DataParallel

/// How a step is shared by the ranks: in which slices each computes its part, what travels between them, and where the
/// optimizer's memory lies.
public struct DistributionSettings: Settings {
  /// Slices of a rank's part of each batch at least, one after the other; 1 unless set. The batch stays that of one step.
  @Setting(
    """
    Cuts each rank's part of a batch into so many slices, which go through the network one after the other; their \
    gradients are added before they travel. Batch normalisation takes its statistics of one slice of all ranks, as \
    PyTorch's SyncBatchNorm does.
    """, .from(1, to: 1 << 20))
  public var accumulate = 1
  /// A loss of bits that the next step makes good; what is left at the end of a run is not saved.
  @Setting(
    """
    How gradients travel between ranks: none (as they are), bf16, int8, or powersgd (thin matrices). What a step loses is \
    added to the next one; a resumed training begins with nothing to add.
    """)
  public var compression = Compression.none
  /// More directions are more bytes, and less to carry over.
  @Setting("Rank of powersgd's matrices, 4 unless given.", .within(1...1024)) public var compressionRank = 4

  /// DiLoCo; 0 for none. Optimizers' memories are then each rank's own.
  @Setting(
    """
    Steps that each rank takes by itself before the ranks average how far they have come (DiLoCo); 0 for none. \
    Checkpoints wait for the end of such a round, and an epoch ends one.
    """, .from(0, to: 1 << 40))
  public var localSteps = 0
  /// 1 takes the average as it is.
  @Setting("Step size of the optimizer that takes the averages of local steps.", .finite(above: 0))
  public var outerLearningRate = 0.7
  /// Nesterov's; 0 for none.
  @Setting("Momentum of the optimizer that takes the averages of local steps.", .within(0..<1))
  public var outerMomentum = 0.9
  /// The same numbers come out, and parameters travel once more in each step.
  @Setting("Each rank keeps the optimizer's memory of its part of the parameters, updates that, and sends it to all.")
  public var shardOptimizer = false

  public init() {}
}

extension Compression: SettingName {}
