import Datasets
import Kernels
import Networks
import Optimizers

/// How long a training is and how its steps change the weights.
public struct Optimization: Settings {
  /// How often all samples are seen; 10 unless set, as in the book's first chapters. 0 trains nothing.
  @Setting("How often all samples are seen.", .from(0)) public var epochs = 10
  /// The optimizer step after which the training ends, if the epochs have not before; nil for no such end.
  @Setting("Ends the training after so many optimizer steps, if epochs have not before.", .from(0))
  public var steps: Int? = nil
  /// Samples of one optimizer step over all ranks, of which each takes its part; 256 unless set, as in the book.
  @Setting("Samples of one optimizer step, over all ranks together.", .from(1, to: 1 << 30), staysInEpoch: true)
  public var batchSize = 256
  /// Whether batch size and learning rate were grown with the ranks when the training began (`scaled`).
  @Setting("Multiplies the batch and the learning rate by the number of ranks, with a warm-up.") public var scaleBatch =
    false
  /// The optimizer's step size, which the schedule's factor scales.
  @Setting(
    """
    Step size of the optimizer; or several, by patterns of parameters' names of which the first that matches counts: \
    head=1e-3,*=1e-4.
    """, .finite(from: 0))
  public var learningRate: PerParameter = 0.1
  /// SGD unless set. With Adam a learning rate of 0.001 to 0.01 is usual, not SGD's 0.1.
  @Setting("sgd, adam, adamw, adagrad, rmsprop, adadelta, muon, or for large batches lars or lamb.")
  public var optimizer = Configuration.OptimizerName.sgd
  /// The momentum of SGD, LARS, RMSProp and Muon, 0 for none; must be 0 with other optimizers.
  @Setting("Momentum of sgd, lars, rmsprop and muon.", .within(0..<1)) public var momentum = 0.0
  /// Whether momentum looks ahead (Nesterov); needs a momentum above 0.
  @Setting("Momentum that looks ahead (Nesterov), of sgd and muon.") public var nesterov = false
  /// PyTorch's default.
  @Setting("How much of the gradients' mean stays from step to step: adam, adamw, lamb, muon.", .within(0..<1))
  public var beta1 = 0.9
  /// PyTorch's default.
  @Setting("How much of the mean of their squares stays: adam, adamw, lamb, muon.", .within(0..<1))
  public var beta2 = 0.999
  /// PyTorch's default.
  @Setting("How much of the mean of the gradients' squares stays: rmsprop.", .within(0..<1)) public var alpha = 0.99
  /// Off, as in PyTorch.
  @Setting("Measures gradients from their mean: rmsprop.") public var centered = false
  /// PyTorch's default.
  @Setting("How much of the means of squares stays: adadelta.", .within(0..<1)) public var rho = 0.9
  /// nil for the optimizer's own, as PyTorch has it: 1e-8, but for adagrad 1e-10, and for adadelta and lamb 1e-6.
  @Setting("What keeps the optimizer from dividing by 0; its own unless given.", .finite(from: 0))
  public var epsilon: Double? = nil
  /// With `adamw` one learning rate suits matrices and all else; PyTorch's default is `original`.
  @Setting("How long muon's steps are: adamw (about as long as adamw's), or original.")
  public var muonScaling = Muon.Scaling.adamw
  /// Decay of every parameter, biases included, as in the book. Part of the gradient (L2) for most; with AdamW and Muon
  /// parameters shrink by this share times the learning rate.
  @Setting(
    "Decay of the weights (L2); or several, by patterns of parameters' names as of --learning-rate.", .finite(from: 0))
  public var weightDecay: PerParameter = 0.0
  /// All, as in the book; GPTs are trained with matrices.
  @Setting("Which weights decay: all, or matrices (neither biases nor scales of normalisations).")
  public var weightDecayOn = Configuration.Decayed.all
  /// The Euclidean norm of all parameters' gradients together that larger ones are scaled down to; nil for no clipping.
  @Setting("Scales gradients down to this common norm.", .finite(above: 0)) public var clipNorm: Double? = nil
  /// A skipped step counts as a step of the epoch and of the schedule, but not as one of the optimizer's.
  @Setting("Where loss, gradient or update is not finite: stop (the default), or skip the step.") public var onNan =
    OnNan.stop
  /// The average is what is evaluated, and is saved beside the model; nil for none.
  @Setting(
    "How much of the weights' moving average stays from step to step, such as 0.999: it is evaluated instead of them.",
    .within(0..<1))
  public var ema: Double? = nil
  /// Such as `valid_loss:5`; nil: all epochs are trained.
  @Setting(
    "Ends the training after 3 epochs, or so many, without a better value of a metric: valid_loss, valid_loss:5.")
  public var earlyStopping: EarlyStopping? = nil

  public init() {}
}

/// How the learning rate changes from step to step. Steps are counted from the end of the warm-up.
public struct Scheduling: Settings {
  /// The shape of the learning rate's course.
  public enum Name: String, SettingName {
    /// The same from beginning to end.
    case constant
    /// Times `scheduleFactor` after every `scheduleSteps`.
    case step
    /// Times `scheduleFactor` after each of `scheduleSteps`.
    case multistep
    /// Down along half a cosine.
    case cosine
    /// Down along a straight line.
    case linear
    /// Times `scheduleFactor` within every `scheduleSteps`, little by little.
    case exponential
    /// Down by a power of the steps that are left.
    case polynomial
    /// Up, then down to almost nothing, along half a cosine each.
    case oneCycle = "one-cycle"
    /// Times `scheduleFactor` whenever a metric has not become better for `schedulePatience` epochs.
    case plateau

    /// Whether it takes `scheduleSteps`.
    var hasLength: Bool { self != .constant && self != .plateau }
    /// Whether it takes the whole training where none are given.
    var maySpan: Bool { hasLength && self != .step && self != .multistep }
  }

  /// The shape of the course; constant unless set.
  @Setting(
    """
    How the learning rate changes: constant; step (times the factor after every so many steps); multistep (times the \
    factor after each of the steps); cosine, linear or polynomial (down to the end within so many steps); exponential \
    (times the factor within so many steps, little by little); one-cycle (up, then down to almost nothing); plateau \
    (times the factor where a metric does not become better).
    """)
  public var schedule = Name.constant
  /// Optimizer steps: the period of `step`, the steps of `multistep`, or the length of the others. All but `constant` and
  /// `plateau` need them; only the `train` command fills in the length of the whole training (`spanningSchedule`).
  @Setting(
    """
    The steps of the schedule: a number, or for multistep several such as 1000,2000. All but step and multistep take \
    the whole training without it.
    """)
  public var scheduleSteps: StepList? = nil
  /// What the learning rate is multiplied by; 0.1 unless set, as ResNets were trained.
  @Setting("The factor of step, multistep, exponential and plateau, 0.1 unless given.", .finite(above: 0))
  public var scheduleFactor = 0.1
  /// What `cosine`, `linear` and `polynomial` end with, and `plateau` does not fall below, as a share of `learningRate`.
  @Setting(
    "The share of the learning rate that cosine, linear, polynomial and plateau end with, 0 unless given.",
    .finite(from: 0))
  public var scheduleEnd = 0.0
  /// PyTorch's default, which makes `linear` of it.
  @Setting("The power of polynomial, 1 unless given.", .finite(above: 0)) public var schedulePower = 1.0
  /// PyTorch's default.
  @Setting("The share of one-cycle's steps in which the learning rate rises, 0.3 unless given.", .within(0...1))
  public var scheduleRise = 0.3
  /// nil for the loss of held-out data, or the training's where there are none.
  @Setting("The metric that plateau goes by, such as valid_accuracy; a loss unless given.")
  public var scheduleMetric: MetricName? = nil
  /// PyTorch's default.
  @Setting("Epochs without a better value after which plateau lowers the learning rate, 10 unless given.", .from(0))
  public var schedulePatience = 10
  /// Optimizer steps in which the learning rate rises before the schedule begins; 0 for none.
  @Setting("Steps in which the learning rate rises, before the schedule begins.", .from(0, to: 1 << 40))
  public var warmup = 0
  /// The share of `learningRate` that the warm-up begins with.
  @Setting("The share of the learning rate that the warm-up begins with, 0 unless given.", .within(0...1))
  public var warmupStart = 0.0

  public init() {}
}

/// Which samples of a text a training takes.
public struct SequenceSettings: Settings {
  /// nil where there are no sequences.
  @Setting("How sequences are taken from a text: random or sequential.", staysInEpoch: true)
  public var sampling: SequenceSampling? = nil
  /// nil for as many as the file says.
  @Setting("Trains on the first so many tokens of a text; 0 for all.", .from(0), staysInEpoch: true)
  public var maxTokens: Int? = nil

  public init() {}
}

/// What becomes of images while they are loaded.
public struct ImageSettings: Settings {
  /// Black pixels around a training image, which is then cut back to its size at a random place; 0 for no such change.
  @Setting("Frames images by so many black pixels and cuts them back at a random place.", .within(0...1024))
  public var randomCrop = 0
  /// Whether training images are mirrored left to right, one in two at random: not for digits and letters, so off.
  @Setting("Mirrors every other image at random, left to right.") public var randomFlip = false
  /// More changes of training images; each is the stronger of what is said here and by the two above.
  @Setting(
    "Changes training images at random: any of crop:4,flip,rotate:15,jitter:0.2,cutout:8,mixup:0.2 (pixels, degrees, shares)."
  )
  public var augment: Augmentation? = nil
  /// In training and ever after.
  @Setting(
    "Normalises channels: 'data' by the training images, or means:deviations such as 0.49,0.48,0.45:0.25,0.24,0.26.",
    option: "normalize", staysInEpoch: true)
  public var normalization: Normalization? = nil

  public init() {}

  /// Random changes of training images, if any.
  public var augmentation: Augmentation? {
    get {
      var all = augment ?? Augmentation()
      (all.cropPadding, all.flips) = (max(all.cropPadding, randomCrop), all.flips || randomFlip)
      return all == Augmentation() ? nil : all
    }
    set {
      var rest = newValue ?? Augmentation()
      (randomCrop, randomFlip) = (rest.cropPadding, rest.flips)
      (rest.cropPadding, rest.flips) = (0, false)
      augment = rest == Augmentation() ? nil : rest
    }
  }
}

extension Augmentation: SettingValue {}

/// What makes a training give the same numbers again.
public struct Reproducibility: Settings {
  /// Defines the first weights, the order of samples, their changes and dropout's masks.
  @Setting("Defines every random number of the training.", staysInEpoch: true) public var seed: UInt64 = 0
  /// The global batch is computed in fixed virtual shards, summed in a fixed tree.
  @Setting("The same bits on any number of ranks.") public var reproducible = false
  /// Parts of the global batch in reproducible mode. More ranks than these leave some idle; another number gives other
  /// bits, so it belongs to the training, not to the machine.
  @Setting("Slices of the global batch in reproducible mode.", .within(1...4096)) public var virtualShards = 8
  /// Finds gradients that a faulty processor or memory spoilt; nil for no audit. Needs reproducible mode.
  @Setting("Every so many steps each rank computes another's gradients again and compares.", .from(1))
  public var audit: Int? = nil

  public init() {}
}

/// How kernels compute, and in how much memory.
public struct KernelSettings: Settings {
  /// Whose kernels compute; nil for the native ones, which define their bits. `reference` is slow, and
  /// settles a doubt about a kernel; `tuned` measures which are the fastest on this machine.
  @Setting("Whose kernels compute: \(BackendName.wanted).", option: "kernels") public var backend: BackendName? = nil
  /// How convolutions are computed: `direct` where Winograd's rounding errors of 1e-3 matter.
  @Setting("How convolutions are computed: automatic (Winograd where it is faster) or direct.") public var convolution =
    ConvolutionMethod.automatic
  /// In which numbers convolutions and products multiply, and images lie between layers; bf16 is faster on a processor with
  /// AVX-512 BF16 only.
  @Setting("What layers multiply in: float32, or bf16 for convolutions and dense layers.") public var precision =
    Precision.float32
  /// More gain nothing once a slice fills the cache.
  @Setting("Samples that go through the network at once.", .from(1)) public var sliceSize = Int.max
  /// The same bits with less memory and in more time: see `Module.checkpointActivations`.
  @Setting("Computes activations again in the backward pass instead of keeping them: less memory, the same bits.")
  public var checkpointActivations = false

  public init() {}
}

/// Steps of a training, in rising order.
public struct StepList: SettingValue, ExpressibleByArrayLiteral {
  /// Counted in optimizer steps; `Configuration.validate` checks their order.
  public let steps: [Int]

  /// Any list; a single step is a list of one.
  public init(_ steps: [Int]) { self.steps = steps }
  public init(arrayLiteral steps: Int...) { self.steps = steps }

  public init?(text: String) {
    let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    guard !numbers.contains(nil) else { return nil }
    steps = numbers.compactMap { $0 }
  }
  public var text: String { steps.map(String.init).joined(separator: ",") }
  public static var wanted: String { "a number of steps, or several such as 1000,2000" }

  public init(from decoder: any Decoder) throws { steps = try [Int](from: decoder) }
  public func encode(to encoder: any Encoder) throws { try steps.encode(to: encoder) }
}

/// `data`, or means:deviations, each with commas between channels.
extension Normalization: SettingValue {
  /// Stands for the means and deviations of the training images, until they are known.
  public static let ofData = Normalization(means: [], deviations: [])

  public init?(text: String) {
    if text == "data" {
      self = .ofData
      return
    }
    let lists = text.split(separator: ":", omittingEmptySubsequences: false).map { list in
      list.split(separator: ",", omittingEmptySubsequences: false).map { Float($0) }
    }
    guard lists.count == 2, lists[0].count == lists[1].count, !lists.joined().contains(nil) else { return nil }
    self.init(means: lists[0].compactMap { $0 }, deviations: lists[1].compactMap { $0 })
  }

  public static var wanted: String {
    "data, or as many means as deviations such as 0.5,0.5,0.5:0.2,0.2,0.2"
  }
}
